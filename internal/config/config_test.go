package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const minimal = `version: 1
repository: {name: repo.example, base_url: "http://repo.example"}
master: {keys: [keys/a.vkey]}
trust: {anchors: [ca/root.pem]}
`

const room = `signer:
  module: /lib/p11.so
  token: t
  policy: trial
  pin: {prompt: true}
`

const tokens = `signer:
  policy: trial
  tokens:
    - {name: old, module: /lib/p11.so, token: t, pin: {prompt: true}}
    - {name: new, module: /lib/other.so, token: t, pin: {file: pin}, sessions: 1}
`

func TestLoadResolvesPathsAgainstTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "repository.yaml")
	text := minimal +
		"targets: [{name: public, directory: public, url: 'http://x.example'}]\nsigner: {module: /lib/p11.so, token: " +
		"t, policy: trial, pin: {prompt: true}, inventory: 'postgres://db/ca'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ what, got, want string }{
		{"master.directory", string(c.Master.Directory), filepath.Join(dir, "master")},
		{"master.keys", string(c.Master.Keys[0]), filepath.Join(dir, "keys/a.vkey")},
		{"signer.module", string(c.Signer.Module), "/lib/p11.so"},
		{"signer.inventory", string(c.Signer.Inventory), "postgres://db/ca"},
		{"targets[0].directory", string(c.Targets[0].Directory), filepath.Join(dir, "public")},
		{"serve.source", string(c.Serve.Source), filepath.Join(dir, "public")},
		{"verify.sources[1]", string(c.Verify.Sources[1]), "http://x.example"},
		{"master.origin", c.Master.Origin, "repo.example/master"},
	} {
		if p.got != p.want {
			t.Errorf("%s = %q, want %q", p.what, p.got, p.want)
		}
	}
}

// TestHome has paths belong to another folder than the file's; the file itself may stay where no job can write.
func TestHome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "etc", "repository.yaml")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	for home, want := range map[string]string{"": filepath.Dir(file), "../var": filepath.Join(dir, "var"),
		filepath.Join(dir, "lib"): filepath.Join(dir, "lib")} {
		text := minimal + room + "targets: [{name: public, directory: public}, {name: apart, directory: /srv/public}]\n"
		if home != "" {
			text += "home: " + home + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		for what, got := range map[string]Path{
			"master": c.Master.Directory, "keys/a.vkey": c.Master.Keys[0], "publication": c.Publication.Directory,
			"publication.head": c.Publication.Head,
			"public":           c.Targets[0].Directory, "state": c.Signer.State,
			"inventory.db": Path(c.Signer.Inventory),
			"cache":        c.Serve.Cache, ".": c.Home,
		} {
			if string(got) != filepath.Join(want, what) {
				t.Errorf("home %q: %s is %q", home, what, got)
			}
		}
		if c.File != file || c.Targets[1].Directory != "/srv/public" {
			t.Errorf("home %q: file %q, an absolute path %q", home, c.File, c.Targets[1].Directory)
		}
	}
}

func TestParseListsEveryProblemWithItsLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown key": {
			minimal + "typo: 1\n", []string{`line 5: unknown key "typo"`},
		},
		"two unknown keys": {
			minimal + "typo: 1\nissuers:\n  - {name: a, nmae: b}\n",
			[]string{`line 5: unknown key "typo"`, `line 7: unknown key "nmae"`},
		},
		"wrong type": {
			strings.Replace(minimal, "version: 1", "version: one", 1), []string{"line 1: cannot unmarshal"},
		},
		"a responder that every run would renew": {
			minimal +
				room +
				"issuers: [{name: a, subject: {common_name: A}, validity: 10y, ocsp: {validity: 3d, refresh: 1d, " +
				"responder: {validity: 6d}}}]\n",
			[]string{"issuers[0].ocsp.responder.validity: is 6d, must be longer than twice the validity of its " +
				"responses (2 × 3d)"},
		},
		"expires before the next run": {
			minimal +
				room +
				"  rhythm: 12h\nissuers: [{name: a, subject: {common_name: A}, validity: 10y, crl: {validity: 24h, " +
				"refresh: 12h}}]\n",
			[]string{"issuers[0].crl.refresh: is 12h, must be shorter than validity less signer.rhythm (1d - 12h)"},
		},
		"expires in the holidays": {
			minimal +
				room +
				"  rhythm: 1h\n  absence: 10d\nissuers: [{name: a, subject: {common_name: A}, validity: 10y, arl: " +
				"{validity: 7d, refresh: 1d}}]\n",
			[]string{"issuers[0].arl.validity: is 7d; renewed every 1d and looked at every 1h, it lasts 143h without " +
				"the room, less than signer.absence (10d)"},
		},
		"a bound for the clock that every run breaks": {
			minimal +
				room +
				"  rhythm: 1h\n  max_clock_jump: 25h\nissuers: [{name: a, subject: {common_name: A}, validity: 10y, " +
				"arl: {validity: 90d, refresh: 30d}, crl: {validity: 3d, refresh: 1d}}]\n",
			[]string{"signer.max_clock_jump: is 25h, must be longer than the time without a signature (25h): the " +
				"clock of every run would be refused"},
		},
		"a list that outlives its issuer": {
			minimal +
				room +
				"issuers: [{name: a, subject: {common_name: A}, validity: 30d, crl: {validity: 31d, refresh: 1d}}]\n",
			[]string{"issuers[0].crl.validity: is 31d, must be shorter than the validity of the issuer's " +
				"certificate (30d)"},
		},
		"a CA and a certificate that outlive their issuer": {
			minimal +
				room +
				"issuers: [{name: a, subject: {common_name: A}, validity: 3y}, {name: b, parent: a, subject: " +
				"{common_name: B}, validity: 4y, subscribers: {validity: 5y}}]\n",
			[]string{
				"issuers[1].validity: is 4y, must not be longer than the validity of a (3y), which signs it: nobody " +
					"can check a certificate that outlives its issuer",
				"issuers[1].subscribers.validity: is 5y, must not be longer than the validity of the issuer's " +
					"certificate (4y)",
			},
		},
		"a rhythm of samples that no timer has": {
			minimal + "probe: {every: 1500ms}\n",
			[]string{"line 5: probe.every: is 1.5s, must be whole seconds from 10s to 1d"},
		},
		"sections without content": {
			minimal + "targets:\nissuers: ~\nverify: {sources: , checkpoint: c}\n",
			[]string{"line 5: targets: has no value; give it one, leave the key out, or write []",
				"line 6: issuers: has no value", "line 7: verify.sources: has no value"},
		},
		"an anchor that was forgotten": {
			strings.Replace(minimal, "trust: {anchors: [ca/root.pem]}", "trust:\n  anchors: # ca/root.pem", 1),
			[]string{"trust.anchors: has no value", "trust.anchors: is empty"},
		},
		"empty":         {"", []string{"the file is empty"}},
		"two documents": {minimal + "---\n" + minimal, []string{"more than one YAML document"}},
		"not YAML":      {"a: [\n", []string{"line 1: did not find"}},
		"https base": {
			strings.Replace(minimal, `"http://repo.example"`, `"https://repo.example"`, 1),
			[]string{"line 2: repository.base_url: is \"https://repo.example\", must be http://"},
		},
		"several at once": {
			minimal + `issuers:
  - name: Root
    subject: {common_name: R}
    validity: 10y
    crl: {validity: 1h, refresh: 2h}
  - name: sub
    parent: other
    validity: 1y
targets:
  - {name: a, directory: x, s3: {bucket: b}}
`,
			[]string{
				`line 6: issuers[0].name: is "Root"`,
				"line 9: issuers[0].crl.refresh: is 2h, must be positive and shorter than validity (1h)",
				"line 10: issuers[1].subject.common_name: is empty",
				`line 11: issuers[1].parent: is "other"`,
				"line 14: targets[0]: has 2 places",
				"line 14: targets[0].s3.region: is empty",
			},
		},
		"what only the holder of the key can do": {
			minimal +
				"issuers:\n  - name: a\n    signed_by: external\n    key: {label: a}\n    subscribers: {validity: " +
				"1y}\n    ocsp: {validity: 3d, refresh: 1d}\n  - {name: b, signed_by: others, subject: {common_name: " +
				"B}, validity: 1y}\n",
			[]string{
				"line 8: issuers[0].key: is of an issuer that is signed_by: external",
				"issuers[0].subscribers: is of an issuer that is signed_by: external",
				"issuers[0].ocsp.responder: is missing: the room has no key of the issuer",
				`issuers[1].signed_by: is "others", must be room or external`,
			},
		},
		"who signs the responses": {
			minimal +
				room +
				"accept: {directory: in}\nissuers:\n  - {name: a, subject: {common_name: A}, validity: 10y, crl: " +
				"{validity: 3d, refresh: 1d, points: [x]}, ocsp: {signed_by: external, validity: 3d, refresh: 1d, " +
				"responder: {}}}\n",
			[]string{
				"line 10: accept: is of no use: no issuer is signed_by: external",
				"issuers[0].ocsp.signed_by: is external, the issuer is not",
				"issuers[0].crl.points: is for issuers that are signed_by: external",
				"issuers[0].ocsp.responder: is of responses that are signed_by: external",
			},
		},
		"documents that may come in": {
			minimal +
				room +
				"issuers: [{name: a, signed_by: external}]\ndocuments: [{name: cps}]\naccept:\n  directory: in\n  " +
				"documents:\n" +
				"    - {name: cps, version: '1', sha256: " + strings.Repeat("a", 64) +
				"}\n    - {name: cp, version: V1, sha256: " + strings.Repeat("A", 64) + "}\n" +
				"    - {name: cps, version: '2', sha256: " + strings.Repeat("a", 64) +
				"}\n    - {name: cps, version: '1', sha256: " + strings.Repeat("b", 64) + "}\n",
			[]string{
				`accept.documents[1].name: is "cp", which is none of the documents`,
				`accept.documents[1].version: version "V1" must be`, `accept.documents[1].sha256: is "AAA`,
				"accept.documents[2].sha256: is also that of cps 1",
				"accept.documents[3].version: is there with another PDF",
			},
		},
		"pin": {
			minimal + "signer: {module: m, token: t, policy: trial, pin: {file: p, env: E}}\n",
			[]string{"line 5: signer.pin: has 2 sources"},
		},
		"a second clock": {
			minimal +
				"signer: {module: m, token: t, policy: trial, pin: {prompt: true}, clock: {tolerance: 2h, " +
				"max_age: 1h}}\n",
			[]string{"line 5: signer.clock.file: is empty", "signer.clock.tolerance: is 2h, must be 1s to 1h",
				"signer.clock.max_age: is 1h, must be"},
		},
		"a second clock of the last month": {
			minimal +
				"signer: {module: m, token: t, policy: trial, pin: {prompt: true}, clock: {file: c, tolerance: 1ms, " +
				"max_age: 30d}}\n",
			[]string{"signer.clock.tolerance: is 1ms",
				"signer.clock.max_age: is 30d, must be signer.clock.tolerance to 7d"},
		},
		"a rule of approvals that nobody could meet, or that is none": {
			minimal +
				"signer: {module: m, token: t, policy: trial, pin: {prompt: true}, approval: {keys: [{name: a, key: " +
				"a.pub}, {name: a, key: b.pub}, {name: B, key: a.pub}, {name: c}], quorum: 4, for: [withdraw, sing, " +
				"withdraw], valid: 31d}}\n",
			[]string{"signer.approval.keys[2]: needs name", "signer.approval.keys[2].key: is",
				"signer.approval.keys[3]: needs name", "signer.approval.quorum: is 4, must be 1 to 3",
				`signer.approval.for[1]: is "sing"`, `signer.approval.for[2]: is "withdraw"`,
				"signer.approval.valid: is 31d"},
		},
		"an empty rule of approvals": {
			minimal +
				"signer: {module: m, token: t, policy: trial, pin: {prompt: true}, approval: {keys: [], for: []}}\n",
			[]string{"signer.approval.quorum: is 0, must be 1 to 0", "signer.approval.for: is empty"},
		},
		"a rule of approvals": {
			minimal +
				"signer: {module: m, token: t, policy: trial, pin: {prompt: true}, approval: {keys: [{name: a, key: " +
				"a.pub}, {name: b, key: b.pub}], quorum: 2, for: [withdraw, issue-ca]}}\n", nil,
		},
		"two tokens": {
			minimal +
				tokens +
				"  log_token: new\nissuers: [{name: a, subject: {common_name: A}, validity: 1y, key: {token: new}}, " +
				"{name: b, subject: {common_name: B}, validity: 1y}]\n", nil,
		},
		"two tokens beside the one": {
			minimal + tokens + "  module: /lib/p11.so\n  pin: {prompt: true}\n  sessions: 2\n",
			[]string{"line 10: signer.module: stands beside signer.tokens", "line 11: signer.pin: stands beside",
				"line 12: signer.sessions: stands beside"},
		},
		"tokens that are no two": {
			minimal +
				"signer:\n  policy: trial\n  tokens:\n    - {name: a, module: m, token: t, pin: {prompt: true}, " +
				"softhsm_config: s, module_config: c}\n" +
				"    - {name: a, module: m, token: t, pin: {prompt: true}, serial: '2', softhsm_config: o}\n    - " +
				"{name: B, module: m, pin: {}, sessions: 65, timeout: -1s}\n",
			[]string{`line 9: signer.tokens[1].name: "a" is used twice`,
				"line 9: signer.tokens[1].softhsm_config: is another one", `line 10: signer.tokens[2].name: is "B"`,
				"signer.tokens[2].token: is empty", "signer.tokens[2].pin: has 0 sources",
				"signer.tokens[2].sessions: is 65", "signer.tokens[2].timeout",
				"signer.tokens[2].module_config: differs from that of a"},
		},
		"the same token twice": {
			minimal +
				"signer:\n  policy: trial\n  tokens:\n    - {name: a, module: m, token: t, pin: {prompt: true}}\n    " +
				"- {name: b, module: m, token: t, pin: {prompt: true}, serial: '2'}\n",
			[]string{"line 9: signer.tokens[1]: is the same token as a"},
		},
		"keys in tokens that are not there": {
			minimal +
				tokens +
				"  log_token: none\nissuers: [{name: a, subject: {common_name: A}, validity: 1y, key: {token: gone}, " +
				"ocsp: {validity: 2d, refresh: 1d, responder: {key: {token: away}}}}]\n" +
				"document_signer: {issuer: a, subject: {common_name: D}, key: {token: lost}}\n",
			[]string{`signer.log_token: is "none"`, `issuers[0].key.token: is "gone"`,
				`issuers[0].ocsp.responder.key.token: is "away"`, `document_signer.key.token: is "lost"`},
		},
		"a key that names the only token": {
			minimal +
				room +
				"  log_token: t\nissuers: [{name: a, subject: {common_name: A}, validity: 1y, key: {token: t}}]\n",
			[]string{`signer.log_token: is "t", and there is no signer.tokens`, `issuers[0].key.token: is "t"`},
		},
		"the PIN of a second token among what is public": {
			minimal + strings.Replace(tokens, "file: pin", "file: web/pin", 1) +
				"  state: s\ntargets: [{name: a, directory: web}]\n",
			[]string{"in which lies what is not public: signer.tokens[1].pin.file"},
		},
		"hashes that are none": {
			minimal +
				"issuers: [{name: a, subject: {common_name: A}, validity: 1y, key: {algorithm: p256, hash: sha1}}, " +
				"{name: b, subject: {common_name: B}, validity: 1y, key: {algorithm: ed25519, hash: sha512}}, {name: " +
				"c, subject: {common_name: C}, validity: 1y, key: {algorithm: ml-dsa-65, hash: sha512, pss: true}}]\n",
			[]string{`issuers[0].key.hash: is "sha1", must be sha256`, "issuers[1].key.hash: is of an Ed25519 key",
				"issuers[2].key.hash: is of an ML-DSA key", "issuers[2].key.pss: needs an RSA key"},
		},
		"the log in a retired token": {
			minimal + strings.Replace(tokens, "name: old,", "name: old, retired: true,", 1),
			[]string{`signer.log_token: is "old", which is retired`},
		},
		"a second clock as it is by default": {minimal +
			"signer: {module: m, token: t, policy: trial, pin: {prompt: true}, clock: {file: c}}\n", nil},
		"password in the file": {
			minimal +
				"signer: {module: m, token: t, policy: trial, pin: {prompt: true}, inventory: " +
				"'postgres://u:secret@db/ca'}\n", []string{"line 5: signer.inventory: holds a password"},
		},
		"what is public lies apart": {
			minimal +
				"targets: [{name: b, directory: .}, {name: c, directory: master}, {name: d, directory: " +
				"publication/log}, {name: e, directory: webs}]\n",
			[]string{
				`targets[0].directory: is ".", in which lies what is not public: master.directory`,
				`targets[1].directory: is "master", in which lies`,
				`targets[2].directory: is "publication/log", which lies in publication.directory`,
			},
		},
		"an Azure target": {minimal +
			"targets: [{name: a, azure: {account: repository, container: $web, access_credential: azure}}, {name: b, " +
			"azure: {account: repository, container: a-b}}]\n", nil},
		"an Azure target that cannot be": {
			minimal +
				"targets: [{name: a, azure: {account: My_Account, container: a--b, prefix: /x, endpoint: blob, " +
				"access_file: f, access_credential: ../f}}]\n",
			[]string{`targets[0].azure.account: is "My_Account"`, `targets[0].azure.container: is "a--b"`,
				`targets[0].azure.prefix: is "/x"`, `targets[0].azure.endpoint: is "blob"`,
				"targets[0].azure: has access_file and access_credential",
				`targets[0].azure.access_credential: is "../f"`},
		},
		"two Azure targets of one place": {
			minimal +
				"targets: [{name: a, azure: {account: repository, container: abc}}, {name: b, azure: {account: " +
				"repository, container: abc, endpoint: \"https://repository.blob.core.windows.net\"}}]\n",
			[]string{`targets[1]: has the place of target "a", azure https://repository.blob.core.windows.net/abc`},
		},
		"two clouds in one target": {
			minimal + "targets: [{name: a, gcs: {bucket: b}, azure: {account: repository, container: abc}}]\n",
			[]string{"targets[0]: has 2 places, must have exactly one of directory, s3, gcs and azure"},
		},
		"Azure's secret in what is public": {
			minimal +
				"targets: [{name: a, directory: web}, {name: b, azure: {account: repository, container: abc, " +
				"access_file: web/sas}}]\n",
			[]string{"in which lies what is not public: targets[1].azure.access_file"},
		},
		"the PIN in what is public": {
			minimal +
				"signer: {module: m, token: t, policy: trial, pin: {file: web/a/pin}, state: s}\ntargets: [{name: a, " +
				"directory: web}]\n",
			[]string{"line 6: targets[0].directory: is \"web\", in which lies what is not public: signer.pin.file"},
		},
		"the inventory in what is public": {
			minimal +
				"signer: {module: m, token: t, policy: trial, pin: {prompt: true}, inventory: web/i.db, state: " +
				"s}\ntargets: [{name: a, directory: web}]\n",
			[]string{"line 6: targets[0].directory: is \"web\", in which lies what is not public: signer.inventory"},
		},
		"the folder beside it": {minimal +
			"targets: [{name: a, directory: masters}, {name: b, directory: publication.web}]\n", nil},
		"one folder for two logs": {
			minimal + "publication: {directory: master/publication}\n",
			[]string{`line 5: publication.directory: is "master/publication", and master.directory "master": one lies in the other`},
		},
		"telemetry": {
			minimal +
				"telemetry: {endpoint: 'http://collector.example:4318', headers_file: h, headers_credential: " +
				"../otlp, signals: [traces, traces, spans], interval: 1ms, requests: -1}\n",
			[]string{
				"line 5: telemetry.endpoint: is \"http://collector.example:4318\", must be https",
				"telemetry.headers_file: and headers_credential", "telemetry.headers_credential: is \"../otlp\"",
				"telemetry.signals[1]: is \"traces\"", "telemetry.signals[2]: is \"spans\"",
				"telemetry.interval: is 1ms", "telemetry.requests: is -1",
			},
		},
		"telemetry without an address": {minimal + "telemetry: {}\n", []string{`telemetry.endpoint: is ""`}},
		"telemetry with a path and a query": {minimal + "telemetry: {endpoint: 'https://c.example/otlp?x=1'}\n",
			[]string{"must have no query"}},
		"telemetry through a local collector": {minimal +
			"telemetry: {endpoint: 'http://127.0.0.1:4318', headers_file: h}\n", nil},
		"bad duration": {
			minimal + "targets: [{name: a, directory: x, timeout: 3 days}]\n",
			[]string{`line 5: "3 days" is not a duration`},
		},
		"CDN": {
			minimal + `targets:
  - {name: a, directory: x, cdn: {kind: cloudfront, distribution: E1}}
  - name: b
    directory: y
    url: http://b.example
    cdn:
      kind: cloud-cdn
      project: p
      distribution: E1
  - name: c
    directory: z
    url: http://c.example
    cdn:
      kind: http
      method: GET
      endpoint: http://cache.example/purge
      header: "X-Key: secret"
      token: {file: t, credential: c}
  - name: d
    directory: w
    url: http://d.example
    cdn: {kind: akamai, timeout: -1s, wildcard: true}
`,
			[]string{
				"line 6: targets[0].cdn: needs the target's url",
				"line 13: targets[1].cdn.distribution: belongs to the kind cloudfront",
				"line 10: targets[1].cdn.url_map: is empty",
				`line 19: targets[2].cdn.method: is "GET"`,
				`line 20: targets[2].cdn.endpoint: is "http://cache.example/purge", must be https`,
				`line 21: targets[2].cdn.header: is "X-Key: secret"`,
				"line 22: targets[2].cdn.token: must have exactly one",
				`line 26: targets[3].cdn.kind: is "akamai"`,
				"line 26: targets[3].cdn.timeout: must be positive",
				"line 26: targets[3].cdn: has token or wildcard",
			},
		},
		"CDN secret in the file": {
			minimal +
				"targets: [{name: a, directory: x, url: 'http://a.example', cdn: {kind: http, header: X-Key, token: " +
				"s3cret}}]\n",
			[]string{"line 5: a token is no text"},
		},
		"document without signer": {
			minimal + "documents: [{name: cps, title: C}]\n",
			[]string{"line 5: documents[0]: needs the section document_signer"},
		},
		"unknown profile": {
			minimal +
				"issuers: [{name: a, subject: {common_name: A}, validity: 1y, subscribers: {validity: 1y, profile: " +
				"nope}}]\n",
			[]string{`subscribers.profile: is "nope"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := Parse([]byte(c.text))
			var all strings.Builder
			for _, p := range problems {
				all.WriteString(p.String() + "\n")
			}
			for _, want := range c.want {
				if !strings.Contains(all.String(), want) {
					t.Errorf("problems\n%smiss %q", all.String(), want)
				}
			}
			if len(problems) < len(c.want) || (len(c.want) > 0 && len(problems) > len(c.want)) {
				t.Errorf("got %d problems, want %d:\n%s", len(problems), len(c.want), all.String())
			}
		})
	}
}

func TestMissingFileSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if err == nil || !strings.Contains(err.Error(), "publisher config init") {
		t.Errorf("error = %v, want a hint at `publisher config init`", err)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"7d": 7 * 24 * time.Hour, "1y": 365 * 24 * time.Hour,
		"90m": 90 * time.Minute, "0s": 0} {
		d, err := parseDuration(text)
		if err != nil || d.Std() != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, d, err, want)
		}
		back, err := parseDuration(d.String())
		if err != nil || back != d {
			t.Errorf("%q does not survive a round trip: %v, %v", text, back, err)
		}
	}
	for _, text := range []string{"", "d", "7 d", "99999999999999999999d", "300y300", "-1d", "70000y"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", text, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(minimal + "issuers: [{name: a}]\ntargets: [{s3: {}}]\nprofiles: {x: {}}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, problems := Parse(raw)
		if c == nil && len(problems) == 0 {
			t.Error("neither a configuration nor a problem")
		}
	})
}
