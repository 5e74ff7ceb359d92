package report

// An Estimate says what a check will ask of a copy that is not a local directory, at most, before it begins. Listing
// requests of a bucket are not in it: whoever lists makes them.
type Estimate struct {
	Source   string  `json:"source"`
	Layout   string  `json:"layout"`   // that was assumed
	Requests int64   `json:"requests"` // GET or, in tier list, HEAD
	Bytes    int64   `json:"bytes"`
	USD      float64 `json:"usd"` // at the prices given
}
