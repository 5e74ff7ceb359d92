package report

// An AnnexSummary is what a report says of its annex.
type AnnexSummary struct {
	Objects  int64      `json:"objects"`  // of the log's whole time, and the files of the log itself
	Readings int64      `json:"readings"` // lines
	Equal    int64      `json:"equal"`    // of them, bytes that were read and are those that the log records
	Read     int64      `json:"read"`     // of them, bytes that were read
	CSV      Cited      `json:"csv"`
	Lines    Cited      `json:"json_lines"`
	First    []AnnexRow `json:"first"` // lines that the page shows

	Uptime *UptimeAnnex `json:"uptime,omitempty"` // when there is a record of operation
}

// An AnnexRow is one object at one place.
type AnnexRow struct {
	Object   string `json:"object"`
	Kind     string `json:"kind"`
	Number   string `json:"number,omitempty"` // of a list, generation, certificate; the version of a document
	Entry    int64  `json:"entry"`            // of the log, that names it; -1 for files of the log itself
	Size     int64  `json:"size"`             // that the log records
	Recorded string `json:"recorded"`         // the SHA-256 that the log records
	Place    string `json:"place"`            // "master", or the source of a copy
	File     string `json:"file,omitempty"`   // below that place
	SHA256   string `json:"sha256,omitempty"` // of the bytes that were read there
	Read     string `json:"read,omitempty"`   // when, in UTC
	Outcome  string `json:"outcome"`

	Responses      int64 `json:"responses,omitempty"` // of an OCSP bundle
	ResponsesEqual int64 `json:"responses_equal,omitempty"`
}

// An Outcome says what became of one object at one place. Its text is API.
type Outcome uint8

const (
	NotPromised Outcome = iota // nothing is expected there
	NotRead
	Equal
	EqualEarlier // read by an earlier run that was interrupted
	Different
	Missing
	Unreadable
	SizeOnly
	Signed // a checkpoint: no bytes are promised, its signatures and its tree were checked
)

var outcomeTexts = [...]string{"", "not-read", "equal", "equal-earlier", "different", "missing", "unreadable",
	"size-only", "signed"}

func (o Outcome) String() string { return outcomeTexts[o] }

// An UptimeAnnex is what a report says of the part of its annex that is about the record of
// operation: every round of samples that there is, and every slot that has none.
type UptimeAnnex struct {
	Rounds int64 `json:"rounds"`
	Gaps   int64 `json:"gaps"` // of one slot or more
	CSV    Cited `json:"csv"`
	Lines  Cited `json:"json_lines"`
}
