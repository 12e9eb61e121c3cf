# `make help` is the manual: each target's text stands behind its `##`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export UV_PYTHON_DOWNLOADS := never
export KONSTRUCT_CACHE ?= $(HOME)/.cache/konstruct

PYTHON ?= python3
TOOLS := .tools
UV := $(TOOLS)/bin/uv
VENV := .venv
RUN := $(VENV)/bin
MEMBERS := crds operator runtime/agent runtime/channels runtime/gateway runtime/llm runtime/local \
	runtime/media runtime/messages runtime/portal runtime/registry runtime/store \
	runtime/telemetry
# Markers of the tests that need more than Python.
BIG := postgres or cluster or node or browser or process or sockets
SOURCES := $(MEMBERS) tests bench charts
PORT ?= 8080
HOST ?= 127.0.0.1
KONSTRUCT_HOME ?= .konstruct

.PHONY: help
help: ## Print this manual
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV): requirements/uv.txt
	@echo "Installing uv into $(TOOLS) (hash-pinned) ..."
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || tests/support/packages.sh "to make a virtual environment" python3-venv
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.installed: $(UV) requirements/development.txt $(MEMBERS:%=%/pyproject.toml)
	@echo "Installing the locked dependencies into $(VENV) ..."
	@test -x $(VENV)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip sync --quiet --python $(VENV) --require-hashes requirements/development.txt
	@$(UV) pip install --quiet --python $(VENV) --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@

.PHONY: install
install: $(VENV)/.installed ## Install the developers' environment into .venv, from the hash-pinned lock

.PHONY: lock
lock: $(UV) ## Write requirements/*.txt anew: one lock per image and one for development
	UV=$(UV) requirements/lock.sh

.PHONY: generate
generate: $(VENV)/.installed ## Write every generated file anew: CRDs, channel types, schemas, OpenAPI documents
	@$(RUN)/python -m konstruct_channels specs > crds/konstruct_crds/channel_types.json.new
	@mv crds/konstruct_crds/channel_types.json.new crds/konstruct_crds/channel_types.json
	@$(RUN)/python -m konstruct_crds generate
	@$(RUN)/python -m konstruct_gateway openapi
	@$(RUN)/python -m konstruct_llm openapi
	@PYTHONPATH=tests $(RUN)/python -m support.metrics_page > docs/reference/metrics.md
	@$(RUN)/python charts/reference.py

.PHONY: manifests
manifests: generate ## Render the chart's default values into manifests/install.yaml (builds Helm once)
	@$(RUN)/python charts/install.py "$$(tests/support/testbed/build.sh helm)/helm"

.PHONY: new-channel
new-channel: $(VENV)/.installed ## Write the folder of a new channel (NAME=telegram), and what follows from it
	@$(RUN)/python -m konstruct_channels new "$(NAME)"
	@$(RUN)/ruff check --fix --quiet runtime/channels && $(RUN)/ruff format --quiet runtime/channels
	@$(MAKE) --no-print-directory generate

.PHONY: format
format: $(VENV)/.installed ## Format the code and mend what the linter can mend
	@$(RUN)/ruff check --fix --quiet $(SOURCES) || true
	@$(RUN)/ruff format $(SOURCES)

.PHONY: lint
lint: $(VENV)/.installed ## Check style and formatting
	@$(RUN)/ruff check $(SOURCES)
	@$(RUN)/ruff format --check --quiet $(SOURCES)

.PHONY: types
types: $(VENV)/.installed ## Check types, strictly
	@$(RUN)/mypy $(MEMBERS) tests bench charts/*.py

.PHONY: contracts
contracts: $(VENV)/.installed ## Check the import contracts that hold the rooms apart
	@$(RUN)/lint-imports --no-cache

.PHONY: test-pure
test-pure: $(VENV)/.installed ## Run the tests that need no root, cluster, network or database
	@$(RUN)/pytest -q -m "not ($(BIG))" \
		--disable-socket --allow-unix-socket

.PHONY: check
check: lint types contracts test-pure ## Lint, types, contracts and pure tests: no root, cluster or network

.PHONY: packages
packages: ## Say which Debian packages the tests need, and install them
	@tests/support/packages.sh "for the tests in a browser and the model of the message path" \
		chromium fonts-liberation spin gcc libc6-dev

.PHONY: testbed
testbed: ## Build the Kubernetes API that the tests use where neither KUBECONFIG nor Docker is there
	@tests/support/testbed/build.sh --if-needed

.PHONY: node-packages
node-packages: ## Install the Debian packages of a node and of image builds, unless Docker does both
	@docker info >/dev/null 2>&1 || tests/support/packages.sh "for a Kubernetes node and images without Docker" \
		containerd runc containernetworking-plugins buildah skopeo iptables nftables conntrack iproute2 ethtool \
		socat curl openssl gcc libc6-dev debootstrap

.PHONY: cluster
cluster: $(VENV)/.installed node-packages ## Start a whole Kubernetes cluster here, with a registry: kind, else a node of ours (root)
	@PYTHONPATH=tests $(RUN)/python -m support.node up

.PHONY: cluster-down
cluster-down: $(VENV)/.installed ## End that cluster and remove everything it made, also after a crash
	@PYTHONPATH=tests $(RUN)/python -m support.node down

.PHONY: images
images: node-packages ## Build the images (Docker, else buildah as root) and push them to the cluster's registry
	@images/build.sh

.PHONY: deploy
deploy: $(VENV)/.installed ## Install the charts and the samples into that cluster (or KUBECONFIG's), for a trial
	@charts/deploy.sh

.PHONY: test
test: check packages node-packages testbed ## Install what is missing, then run every test
	@$(RUN)/pytest -q --durations=15 -m "$(BIG)"

CONFIGURATIONS ?= all
.PHONY: test-configurations
test-configurations: $(VENV)/.installed node-packages ## Install every supported configuration of the chart on the node (CONFIGURATIONS)
	@KONSTRUCT_CONFIGURATIONS=$(CONFIGURATIONS) $(RUN)/pytest -q --durations=8 tests/end_to_end/cluster/test_supported_configurations.py

.PHONY: demo
demo: $(VENV)/.installed ## Run everything in one process from manifests/samples (PORT, HOST, KONSTRUCT_HOME)
	@PORT=$(PORT) HOST=$(HOST) KONSTRUCT_HOME=$(KONSTRUCT_HOME) $(RUN)/konstruct up manifests/samples

.PHONY: clean
clean: ## Remove the environment and every cache inside the tree (not .konstruct, which holds data)
	@rm -rf $(VENV) $(TOOLS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: bench-message-path
bench-message-path: $(VENV)/.installed ## Measure what the platform adds to a message (about 2 minutes)
	@PYTHONPATH=tests:bench $(RUN)/python bench/message_path.py

.PHONY: bench-ingest
bench-ingest: $(VENV)/.installed ## Measure durable ingest beside a bare app and slack_bolt (about 3 minutes)
	@PYTHONPATH=tests:bench $(RUN)/python bench/ingest.py

.PHONY: bench-acknowledge
bench-acknowledge: $(VENV)/.installed ## Measure webhook acknowledgement and crash loss beside slack_bolt (about 4 minutes)
	@PYTHONPATH=tests:bench $(RUN)/python bench/acknowledge.py

.PHONY: bench-whatsapp-acknowledge
bench-whatsapp-acknowledge: $(VENV)/.installed ## Measure WhatsApp acknowledgement, batches and crash loss beside pywa (about 3 minutes)
	@PYTHONPATH=tests:bench $(RUN)/python bench/whatsapp_acknowledge.py

.PHONY: bench-neighbour
bench-neighbour: $(VENV)/.installed ## Measure what one tenant's flood does to another (about 3 minutes)
	@PYTHONPATH=tests:bench $(RUN)/python bench/neighbour.py

.PHONY: bench-operator
bench-operator: $(VENV)/.installed testbed ## Measure the operator at 1,000 tenants: latency, writes, memory (about 6 minutes)
	@PYTHONPATH=tests:bench $(RUN)/python bench/operator_scale.py --tenants 1000

.PHONY: bench-many-agents
bench-many-agents: $(VENV)/.installed testbed ## Measure operator and gateway with 51 tenants of 100 agents, all of them asked (about 8 minutes)
	@PYTHONPATH=tests:bench $(RUN)/python bench/many_agents.py

.PHONY: bench-wake
bench-wake: $(VENV)/.installed ## Measure how fast a new tenant is Ready and a sleeping one answers (after cluster, images)
	@PYTHONPATH=tests:bench $(RUN)/python bench/cluster_wake.py

KILLS ?= 1000
MESSAGES ?= 100000
SEED ?= 1
.PHONY: campaign-crash
campaign-crash: $(VENV)/.installed ## Kill anything under load and count what is lost or doubled (KILLS, MESSAGES, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_crash.py --kills $(KILLS) --messages $(MESSAGES) --seed $(SEED)

EVENTS ?= 57000
.PHONY: campaign-retry-storm
campaign-retry-storm: $(VENV)/.installed ## Deliver webhooks one to six times, at once and up to a week late (EVENTS, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_retry_storm.py --events $(EVENTS) --seed $(SEED)

MUTANTS ?= 1000000
.PHONY: campaign-forgery
campaign-forgery: $(VENV)/.installed ## Forge webhooks of every channel; none may be taken (MUTANTS, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_forgery.py --mutants $(MUTANTS) --seed $(SEED)

SENDS ?= 10000
CHANNEL ?= slack
.PHONY: campaign-ambiguous-send
campaign-ambiguous-send: $(VENV)/.installed ## Lose, delay and break vendors' answers; nothing may be seen twice (SENDS, SEED, CHANNEL)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_ambiguous_send.py --sends $(SENDS) --seed $(SEED) --channel $(CHANNEL)

RATE ?= 10
.PHONY: campaign-queue-chaos
campaign-queue-chaos: $(VENV)/.installed ## Break the database in five ways under a steady load (RATE, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_queue_chaos.py --rate $(RATE) --seed $(SEED)

.PHONY: campaign-failpoints
campaign-failpoints: $(VENV)/.installed ## Let a program die at every boundary of a message's path (SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_failpoints.py --seed $(SEED)

STATEMENTS ?= 1000000
.PHONY: campaign-tenancy
campaign-tenancy: $(VENV)/.installed ## Generate SQL as each program inside a tenant; no other may show (STATEMENTS, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_tenancy.py --statements $(STATEMENTS) --seed $(SEED)

FROM ?=
.PHONY: campaign-upgrade
campaign-upgrade: $(VENV)/.installed node-packages ## Upgrade an earlier version on the node and roll back while people write (FROM)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_upgrade.py --from "$(FROM)"

TRANSITIONS ?= 0
.PHONY: campaign-resources
campaign-resources: $(VENV)/.installed testbed ## Change every field of every kind to what can go wrong, and back (TRANSITIONS, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_resources.py --transitions $(TRANSITIONS) --seed $(SEED)

SEEDS ?= 500
.PHONY: campaign-views
campaign-views: $(VENV)/.installed testbed ## Kill the operator after each of its writes, and spoil what its watches tell (SEEDS, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_views.py --seeds $(SEEDS) --seed $(SEED)

TENANTS ?= 2000
.PHONY: campaign-deletion
campaign-deletion: $(VENV)/.installed testbed ## End tenants in every way while the operator comes and goes (TENANTS, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_deletion.py --tenants $(TENANTS) --seed $(SEED)

OUTAGES ?= 200
.PHONY: campaign-api-server
campaign-api-server: $(VENV)/.installed testbed ## Let the API server be away, full, old or silent; no change may be lost (OUTAGES, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_api_server.py --outages $(OUTAGES) --seed $(SEED)

HANDOVERS ?= 200
.PHONY: campaign-leaders
campaign-leaders: $(VENV)/.installed testbed ## Kill, stop and cut off leading operators; never two may write (HANDOVERS, SEED)
	@PYTHONPATH=tests:bench $(RUN)/python bench/campaign_leaders.py --handovers $(HANDOVERS) --seed $(SEED)
