-- How Argo CD reads the health of Tenant, Agent, ChannelConnection and AgentTemplate. Without it, Argo CD takes
-- an object of these kinds for healthy as soon as it exists.
local health = {status = "Progressing", message = "Waiting for the operator to look at it."}
if obj.status == nil or obj.status.conditions == nil then
  return health
end

local found = {}
for _, condition in ipairs(obj.status.conditions) do
  found[condition.type] = condition
end

local ready = found["Ready"]
local seen = obj.status.observedGeneration
if ready == nil or seen == nil or seen < obj.metadata.generation then
  return health
end

local stalled = found["Stalled"]
if stalled ~= nil and stalled.status == "True" then
  return {status = "Degraded", message = stalled.reason .. ": " .. (stalled.message or "")}
end

local told = ready.reason .. ": " .. (ready.message or "")
if ready.status == "True" then
  if ready.reason == "Suspended" then
    return {status = "Suspended", message = told}
  end
  return {status = "Healthy", message = told}
end
return {status = "Progressing", message = told}
