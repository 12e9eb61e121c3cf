"""One folder per channel: spec, inbound, outbound, set-up, examples."""
