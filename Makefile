# make demo   a complete repository on this machine, checked by OpenSSL and by `publisher verify`
# make test   everything: unit tests, and integration tests against real HSM modules, stores and clients
# make check  what to run before every commit
# Both demo and test install what is missing (Debian packages as root or with sudo, Go tools into .tools/bin).
# A stamp file per group of packages makes a second run quick.

SHELL       := /bin/bash
TOOLS       := $(CURDIR)/.tools/bin
export PATH := $(TOOLS):$(PATH)
export GOFLAGS ?= -trimpath
# The toolchain of go.mod, from the module proxy, even where the machine's Go is another.
export GOTOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)+auto

# The newest version of NEWS.md, and the commit that was built.
VERSION     := $(shell sed -n 's/^\#\# \(v[0-9.]*\).*/\1/p' NEWS.md | head -n 1)+$(shell git describe --always --exclude '*' --dirty=.dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION)
GO_FILES    := $(shell git ls-files '*.go' 2>/dev/null)
UNIT         = $$(go list ./... | grep -v '^seihon/bench') ./bench/bar
ALL          = $$(go list -tags integration ./... | grep -v '^seihon/bench') ./bench/bar
RACE        ?= $(UNIT)
FUZZTIME    ?= 5s

.PHONY: all build demo test generated unit test-terraform integration check fmt vet layers vulncheck deadcode fuzz race soak mutants tools packages release-check test-producers clean cross help

all: build

help:
	@sed -n '1,5p' Makefile

build: bin/publisher bin/signer

bin/publisher: $(GO_FILES) go.mod go.sum
	CGO_ENABLED=0 go build -ldflags '$(LDFLAGS)' -o $@ ./cmd/publisher

# The publisher for edges and auditors, who read folders and HTTP: without the SDKs of the clouds.
bin/publisher-nocloud: $(GO_FILES) go.mod go.sum
	CGO_ENABLED=0 go build -tags nocloud -ldflags '$(LDFLAGS)' -o $@ ./cmd/publisher

bin/signer: $(GO_FILES) go.mod go.sum
	CGO_ENABLED=1 go build -ldflags '$(LDFLAGS)' -o $@ ./cmd/signer

# The long runs: a thousand kills of the ledger's writer and of the room, ten thousand pasts in which something is unsaid, ten
# thousand schedules of two publishers, every file operation of every command that writes, half a minute of fuzz for every parser.
soak: .tools/packages-test tools
	UNSAID_TEST_SEEDS=10000 go test -count=1 -tags integration -timeout 60m -run 'TestNothingUnsaid' ./publish ./verify
	LEDGER_TEST_KILL_ROUNDS=1000 go test -count=1 -tags integration -timeout 60m -run Kill ./ledger
	SIMULATION_TEST_SCHEDULES=10000 go test -count=1 -tags integration -timeout 60m -run 'TestSimulationLong' ./publish
	OCSPCACHE_TEST_SLOW=10000 go test -count=1 -tags integration -run 'TestSlowCrowd' -v ./ocspcache
	KILL_TEST_ROUNDS=1000 go test -count=1 -tags integration -timeout 180m -run 'TestKilledAtAnyMoment' ./cmd
	STOP_TEST_SECONDS=60 go test -count=1 -tags integration -timeout 60m -run 'TestStoppedPublisher' ./cmd
	FAULT_TEST_ALL=1 go test -count=1 -tags integration -timeout 180m -run 'TestFileFaults' ./cmd
	scripts/fuzz.sh 30s

# Changes safety-critical lines one at a time and looks whether a test notices: an hour, so not part of `make test`.
mutants:
	go run ./scripts/mutants

# A release of the last commit with GoReleaser itself, twice, looked at and compared. It is not part of `make test`,
# which makes the same packages with nFPM: GoReleaser alone takes two minutes to build, and a release four.
release-check: .tools/packages-test tools
	scripts/install-tools.sh $(TOOLS) release
	go test -tags 'integration release' -count=1 -timeout 60m -run TestGoReleaser -v ./deploy

# Documents by TeX, LibreOffice, WeasyPrint and scanners, none of which may raise an alarm. Not part of `make test`: the programs
# are large.
test-producers: .tools/packages-test
	scripts/install-packages.sh producers
	go test -tags 'integration producers' -count=1 -timeout 30m -run TestManyProducers -v ./artifact/keyscan

# The keyless binary for every platform that an auditor may use.
cross:
	@for p in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
	  echo "publisher $$p"; \
	  CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -ldflags '$(LDFLAGS)' -o /dev/null ./cmd/publisher || exit 1; \
	done

demo: .tools/packages-demo build
	scripts/demo.sh

# The integration tests take in the unit tests: one build of everything, one run.
test: .tools/packages-test tools build
	scripts/leave-nothing.sh $(MAKE) --no-print-directory integration test-terraform

unit:
	go test $(UNIT)

integration:
	go test -tags integration -timeout 45m -p 2 $(ALL)

# Modules, examples, section A as Rego. What needs a provider or an emulator that is not there says why it is skipped.
test-terraform: .tools/packages-test tools build
	cd terraform/test && go test -tags integration -count=1 -timeout 30m -v ./...

check: fmt vet layers vulncheck deadcode race fuzz

vulncheck: tools
	scripts/vulncheck.sh $(TOOLS)

deadcode: tools
	scripts/deadcode.sh $(TOOLS)

fmt:
	@out=$$(gofmt -l $(GO_FILES)); if [ -n "$$out" ]; then echo "not formatted: $$out"; exit 1; fi

vet: tools
	go vet -tags integration ./...
	staticcheck -tags integration $(ALL)

layers:
	go test -run 'Test(Layers|Publisher|Signer|Verify)' .

# The race detector makes some packages ten times slower: hsmsign alone takes 13 minutes of a processor.
race:
	go test -race -timeout 40m $(RACE)

fuzz:
	scripts/fuzz.sh $(FUZZTIME)

# Pages, lists and completions that are made from the code; the tests hold them to it.
generated: build
	go test ./internal/config -run TestReference -update
	go test ./sectiona -run TestReference -update-doc
	go test -tags integration ./deploy -run 'TestMan|TestComp|TestFind|TestDepen|TestReadme' -update
	cd terraform/test && go run ./cmd/reference

tools: .tools/tools
.tools/tools: go.mod scripts/install-tools.sh verify/testdata/axe/package-lock.json publish/storetest/servers/azurite/package-lock.json hsmsign/testdata/node/package-lock.json | .tools/packages-test
	scripts/install-tools.sh $(TOOLS)
	@touch $@

.tools/packages-%: scripts/install-packages.sh
	@mkdir -p .tools
	scripts/install-packages.sh $*
	@touch $@

# Requests, time and US$ of a sync at three sizes; bench-publish leaves it out.
bench-publish-cost: .tools/packages-bench tools
	cd bench/publish && go run . -cost 10000,100000,1000000

bench-%: .tools/packages-bench tools
	@test -d bench/$* || { echo "there is no bench/$*"; exit 2; }
	cd bench/$* && go run $$([ -e go.mod ] && echo -mod=mod) .

clean:
	rm -rf bin .demo
