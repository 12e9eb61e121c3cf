// Modules of which the tests read the definitions of others' kinds; nothing of them is built.
module konstruct.dev/testbed/foreign-kinds

go 1.24

require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.4.0
)
