// Package config reads repository.yaml, the one file that both binaries share.
//
// The signer reads the sections signer, issuers and documents; the publisher reads
// targets, publication, serve and verify; both read repository, master, log and trust.
// The file holds no secret: PINs and cloud credentials come from files of mode 0600,
// from systemd credentials or from the providers' own credential chains.
//
// Reading is strict: an unknown key, a second document or a value of the wrong shape is
// an error, and [Load] reports every problem of the file at once, each with its line.
// Every [Path] is relative to the folder of the file, or to home where the file names
// one, whatever the working directory, so that a copied repository keeps working.
//
// The comments on the fields below are the reference: docs/config.md is made from them.
package config

import (
	"net/url"

	"seihon/internal/certprofile"
)

// Config is one repository.yaml.
type Config struct {
	// Version of this file's format; 1.
	Version int `yaml:"version"`
	// Home is the folder to which the relative paths of this file belong; default: the folder of this file. Where the
	// file is in /etc, which no job may write: /var/lib/seihon (docs/installation.md).
	Home Path `yaml:"home"`
	// Repository names the repository and its public address.
	Repository Repository `yaml:"repository"`
	// Master is the master: on-premises, never in the cloud.
	Master Master `yaml:"master"`
	// Trust pins what the auditor and the publisher believe.
	Trust Trust `yaml:"trust"`
	// SectionA tunes section A of the report; the default denies.
	SectionA SectionA `yaml:"section_a"`
	// Signer is the HSM and the inventory; only the signing room needs it.
	Signer *Signer `yaml:"signer"`
	// Issuers are the certificate authorities of this repository, parents first.
	Issuers []Issuer `yaml:"issuers"`
	// Profiles of certificates; one of a built-in name (root, subordinate, ocsp-signer, subscriber, document-signer,
	// link, cross) replaces it.
	Profiles map[string]*certprofile.Profile `yaml:"profiles"`
	// Accept is the folder into which CAs that keep their own software put what they sign; omitted: files are handed
	// over one by one.
	Accept *Accept `yaml:"accept"`
	// DocumentSigner signs the documents below.
	DocumentSigner *DocumentSigner `yaml:"document_signer"`
	// Documents are the CP/CPS and disclosure documents.
	Documents []Document `yaml:"documents"`
	// Names keep the paths by which certificates that were issued before this repository began point at its artifacts.
	Names []Names `yaml:"names"`
	// Publication is the publishing host's own log of what it did.
	Publication Publication `yaml:"publication"`
	// Targets are the places where public copies lie.
	Targets []Target `yaml:"targets"`
	// Serve is the keyless responder.
	Serve Serve `yaml:"serve"`
	// Verify says where `publisher verify` and `publisher probe` look.
	Verify Verify `yaml:"verify"`
	// Probe says who takes the samples of `publisher probe`, and how often.
	Probe Probe `yaml:"probe"`
	// Proxy is the URL of the HTTP proxy through which requests go: to targets, CDNs, the collector, time-stamping
	// authorities and witnesses; omitted: none, whatever the environment says. This machine and the clouds' metadata
	// services are asked directly, and so is what relying parties ask (`publisher verify`, `probe`, `observe`, with a
	// `--proxy` of their own).
	Proxy string `yaml:"proxy"`
	// Telemetry pushes traces, figures and logs to an OpenTelemetry collector; absent: nothing is pushed.
	Telemetry *Telemetry `yaml:"telemetry"`

	// File is the absolute path that was read.
	File string `yaml:"-"`
}

// Repository names the repository and its public address.
type Repository struct {
	// Name in lower case letters, digits, dots and hyphens; the prefix of the log origins.
	Name string `yaml:"name"`
	// BaseURL is the public address under which every public name is found; http, since OCSP and CRL clients must not
	// need TLS.
	BaseURL string `yaml:"base_url"`
	// OtherURLs are further public addresses under which every public name is found as well, such as the host names
	// that stand in certificates issued before; http. Name each at the target that it shows, too: targets[].other_urls.
	OtherURLs []string `yaml:"other_urls"`
}

// Local reports whether the public address is one of this machine alone.
func (r Repository) Local() bool {
	u, err := url.Parse(r.BaseURL)
	return err == nil && loopback(u.Hostname())
}

// Master is the master directory and the pinned keys of its log.
type Master struct {
	// Directory of the master: blobs, bundles, manifests, log.
	Directory Path `yaml:"directory"`
	// Origin of the master log; default: the repository's name + "/master".
	Origin string `yaml:"origin"`
	// Keys are the files with the log's verifier keys (vkey), ECDSA P-256 first, Ed25519 second.
	Keys []Path `yaml:"keys"`
}

// Trust pins certificates.
type Trust struct {
	// Anchors are root certificates (PEM or DER files), compared byte for byte.
	Anchors []Path `yaml:"anchors"`
	// Partners are the certificates of bridge or partner authorities for cross certificates.
	Partners []Path `yaml:"partners"`
	// Misissued names the serial numbers (content octets of the DER INTEGER, in hex) of certificates that a CA issued
	// although RFC 5280 section 4.1.2.2 forbids such serials: 00, ff (negative), more than 20 octets. Lists and
	// responses may name these and no others.
	Misissued []string `yaml:"misissued"`
	// OverrideKeys are Ed25519 public keys (PEM) whose signed overrides (docs/inventory.md) let a status change that is
	// refused otherwise, and whose signed exceptions (docs/accept.md) let known deviations of a CA pass: the room, the
	// publisher and the auditor each believe the keys of their own configuration.
	OverrideKeys []Path `yaml:"override_keys"`
}

// SectionA tunes section A of the report.
type SectionA struct {
	// Strict admits static objects only: no unsigned document, no keyless responder.
	Strict bool `yaml:"strict"`
	// SubscriberCertificates allows subscriber certificates whose consent is recorded; default: refused.
	SubscriberCertificates *SubscriberCertificates `yaml:"subscriber_certificates"`
}

// SubscriberCertificates is the opt-in that section A asks for before a subscriber's certificate is made public.
type SubscriberCertificates struct {
	// CPSReference is the section of the CPS that announces the publication.
	CPSReference string `yaml:"cps_reference"`
	// Consents is a file with a line per certificate: serial in hex, one space, the consent record's id.
	Consents Path `yaml:"consents"`
}

// What signer.policy can be.
const (
	PolicyAccredited = "accredited"
	PolicyTrial      = "trial"
)

// Signer is the HSM and the inventory.
type Signer struct {
	// The room's only token; several stand in tokens instead.
	HSM `yaml:",inline"`
	// Tokens are the tokens of the room when it has several, such as the old and the new HSM during a transition
	// (docs/hsm-transition.md); instead of module, token and pin, never beside them.
	Tokens []SigningToken `yaml:"tokens"`
	// Inventory is where issued and revoked certificates are recorded: a file (SQLite), or postgres://….
	Inventory DSN `yaml:"inventory"`
	// LogKeys are the HSM labels of the master log's keys; default master-log-ecdsa and master-log-ed25519.
	LogKeys []string `yaml:"log_keys"`
	// LogToken is the name of the token with those keys; default: the first of tokens.
	LogToken string `yaml:"log_token"`
	// Policy is accredited (default: only what modules approves signs) or trial (every key signs, and status, report
	// and index page say that nothing here is of an accredited CA; a public target then needs trial: true).
	Policy string `yaml:"policy"`
	// Modules is the operator-signed, dated allow-list of HSM modules.
	Modules *Modules `yaml:"modules"`
	// Approval says what several people have to approve before it is done (docs/approvals.md); omitted: one person
	// suffices for everything.
	Approval *Approval `yaml:"approval"`
	// Timestamps are the RFC 3161 authorities that stamp checkpoints; the first stamps document signatures, too.
	Timestamps []TSA `yaml:"timestamps"`
	// Witnesses cosign checkpoints (C2SP tlog-witness), before the authorities stamp them.
	Witnesses []Witness `yaml:"witnesses"`
	// Quorum is how many witnesses must cosign; default: all.
	Quorum int `yaml:"quorum"`
	// State is a folder for the room's own marks (refused PINs); default: beside the inventory file.
	State Path `yaml:"state"`
	// Rhythm is how often `signer run` is started; `config check` refuses what would expire before the run that renews
	// it. 0: not said, not checked.
	Rhythm Duration `yaml:"rhythm"`
	// Absence is the longest time in which nothing may be signed (holidays, a repair of the HSM); `config check`
	// refuses what would expire meanwhile. 0: not said, not checked.
	Absence Duration `yaml:"absence"`
	// MaxClockJump is the longest time that may lie between the master's last entry or time-stamp and now: `signer`
	// signs nothing with a clock that is further ahead (docs/operations.md, wrong clock). 0: only a clock that went
	// back is refused.
	MaxClockJump Duration `yaml:"max_clock_jump"`
	// Clock is a second clock (GPS, NTP, a radio clock) that must agree with the machine's before anything is signed.
	Clock *Clock `yaml:"clock"`
}

// HSM is a token and the way to it.
type HSM struct {
	// Module is the PKCS#11 library of the HSM.
	Module Path `yaml:"module"`
	// ModuleConfig is handed to the module at its start (NSS: configdir=…).
	ModuleConfig string `yaml:"module_config"`
	// SoftHSMConfig is the softhsm2.conf to use; only for SoftHSM.
	SoftHSMConfig Path `yaml:"softhsm_config"`
	// Token is the label of the token.
	Token string `yaml:"token"`
	// Serial is the serial number of the token; needed only where the module shows several of that label.
	Serial string `yaml:"serial"`
	// PIN says where the user PIN comes from; exactly one source.
	PIN PIN `yaml:"pin"`
	// Sessions is the number of parallel HSM sessions, 1 to 64; default 8.
	Sessions int `yaml:"sessions"`
	// Timeout of one HSM operation; default 10s.
	Timeout Duration `yaml:"timeout"`
	// Outage is how long a token that is lost in the middle of a run is waited for, once in the run; default 30s.
	Outage Duration `yaml:"outage"`
}

// SigningToken is one of several tokens. Each fails by itself: what its keys sign waits, everything else is signed.
type SigningToken struct {
	// Name in lower case, by which keys say where they are.
	Name string `yaml:"name"`
	HSM  `yaml:",inline"`
	// Retired says that the token was taken out of use: it is not opened, and its keys sign nothing any more.
	Retired bool `yaml:"retired"`
}

// Clock is what another program of the room writes of a second clock. The signer reads a file and starts no program.
type Clock struct {
	// File holds one line: what `chronyc -c tracking` prints, or the time at which it was written, as RFC 3339 or Unix
	// seconds.
	File Path `yaml:"file"`
	// Tolerance is how far the clocks may differ; default 1m.
	Tolerance Duration `yaml:"tolerance"`
	// MaxAge is how old the file, and what chrony last heard of its source, may be; default 1h.
	MaxAge Duration `yaml:"max_age"`
}

// PIN is one source of the token's user PIN.
type PIN struct {
	// File of mode 0600 that holds the PIN.
	File Path `yaml:"file"`
	// Credential is the name of a systemd credential.
	Credential string `yaml:"credential"`
	// Env is the name of an environment variable (weaker: visible to root and to crash dumps).
	Env string `yaml:"env"`
	// Prompt asks on the terminal.
	Prompt bool `yaml:"prompt"`
}

// Modules is the allow-list of HSM modules.
type Modules struct {
	// List is the YAML allow-list.
	List Path `yaml:"list"`
	// Signature is its detached signature.
	Signature Path `yaml:"signature"`
	// Key is the operator's public key (PEM).
	Key Path `yaml:"key"`
}

// Approval is who approves what. It goes into the master log; there it can be made weaker only with the approval of
// those it names.
type Approval struct {
	// Keys are of the people who can approve.
	Keys []ApprovalKey `yaml:"keys"`
	// Quorum is how many different people must approve; 1 to their number.
	Quorum int `yaml:"quorum"`
	// For is what they must approve: issue-ca, revoke-ca, keygen, log-rotate, override, withdraw, final-crl.
	For []string `yaml:"for"`
	// Valid is how long a request can be used; default 7d, at most 30d.
	Valid Duration `yaml:"valid"`
}

// ApprovalKey is one key of one person. A person may have several, which count once.
type ApprovalKey struct {
	// Name of the person, in lower case.
	Name string `yaml:"name"`
	// Key is the public key's file, as ssh-keygen writes it (FIDO keys included), or PEM.
	Key Path `yaml:"key"`
}

// TSA is one RFC 3161 time-stamping authority.
type TSA struct {
	// Name of the authority in lower case: part of the tokens' file names.
	Name string `yaml:"name"`
	// URL of the authority.
	URL string `yaml:"url"`
	// Roots is a PEM file with the certificates its tokens must chain to.
	Roots Path `yaml:"roots"`
	// Policies that are accepted, dotted; the first is asked for; empty: any.
	Policies []string `yaml:"policies"`
}

// Witness is one independent witness of the log.
type Witness struct {
	// URL of the witness; /add-checkpoint is appended.
	URL string `yaml:"url"`
	// Key is the witness's verifier key (vkey, type 0x04).
	Key string `yaml:"key"`
}

// Document is a CP/CPS or disclosure document.
type Document struct {
	// Name in lower case; public as docs/<name>-<version>.pdf.
	Name string `yaml:"name"`
	// Title shown on the index page.
	Title string `yaml:"title"`
	// Signature is detached (default: a .p7s beside the PDF), or embedded (PAdES, inside the PDF).
	Signature string `yaml:"signature"`
}

// DocumentSigner is the operator's own end entity that signs the documents: a CA key signs certificates and lists only.
type DocumentSigner struct {
	// Name of the signer; default document-signer.
	Name string `yaml:"name"`
	// Issuer of its certificate.
	Issuer string `yaml:"issuer"`
	// Subject of its certificate.
	Subject Subject `yaml:"subject"`
	// Key in the HSM.
	Key Key `yaml:"key"`
	// Certificate is the PEM file that `signer issue` writes; default keys/<name>.pem.
	Certificate Path `yaml:"certificate"`
	// Validity of its certificate; default 3y.
	Validity Duration `yaml:"validity"`
	// Usage is the OID of an extended key usage by which section A knows a document signer (RFC 9336:
	// 1.3.6.1.5.5.7.3.36).
	Usage string `yaml:"usage"`
	// Policy is the OID of a certificate policy by which section A knows one; default, without usage: the subject's
	// common name.
	Policy string `yaml:"policy"`
}

// Names are the further public names of one artifact. What lies there is the artifact, byte for byte
// (docs/ca/taking-over.md).
type Names struct {
	// Artifact is the public name of a list, a certificate or a document, such as crl/sub.crl, cert/sub.cer or
	// docs/cps-1.0.pdf.
	Artifact string `yaml:"artifact"`
	// Aliases are the paths behind the base address as they stand in certificates, such as CertEnroll/Sub%20CA+.crl;
	// percent-encoding is decoded.
	Aliases []string `yaml:"aliases"`
}

// Publication is the publishing host's own log.
type Publication struct {
	// Directory of the publication log.
	Directory Path `yaml:"directory"`
	// Origin of the log; default: the repository's name + "/publication".
	Origin string `yaml:"origin"`
	// Key is the host's private note key, a PEM file of mode 0600 (not a CA key: it signs only this log).
	Key Path `yaml:"key"`
	// VKey is the verifier key that auditors pin.
	VKey Path `yaml:"vkey"`
	// Head is the file with the log's last checkpoint, by which the host sees that the log was cut off, put back or
	// lost; default: the directory's name + ".head". Keep it where a restore of the directory does not reach.
	Head Path `yaml:"head"`
	// Batch is how long rounds of probes and outcomes of verifications wait on this host to be recorded together;
	// default 1h, which is the most. 0s records each by itself.
	Batch *Duration `yaml:"batch"`
	// Ping is the address of a dead-man's switch, asked after each good `publisher run`; it sounds when the asking
	// stops.
	Ping string `yaml:"ping"`
}

// Serve is the keyless responder.
type Serve struct {
	// Source is a folder or an http(s) base URL with the public copies; default: the first directory target.
	Source Location `yaml:"source"`
	// Cache is the folder for bundles fetched from a URL.
	Cache Path `yaml:"cache"`
	// Listen is the address of the public port; default 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// Metrics is the address of /metrics, /healthz and /readyz; empty: none.
	Metrics string `yaml:"metrics"`
	// OCSPPath is the path of the OCSP endpoint; default /ocsp.
	OCSPPath string `yaml:"ocsp_path"`
	// URLs are the addresses of the OCSP endpoint as they stand in certificates, when they are others than base_url or
	// one of other_urls with ocsp_path.
	URLs []string `yaml:"urls"`
	// Poll is how often the source is looked at; default 5s for a folder, 30s for a URL.
	Poll Duration `yaml:"poll"`
}
