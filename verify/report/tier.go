package report

// A Tier says how deep a check goes.
type Tier string

const (
	TierLog    Tier = "log"    // the logs and manifests, without artifacts and copies; without a master, the public log
	TierList   Tier = "list"   // names, sizes and tags of artifacts and copies, without their bytes
	TierFull   Tier = "full"   // every byte and every signature
	TierSample Tier = "sample" // like full, for a random sample of the copies and for all pointers and lists
)

// Deep reports whether bytes are read.
func (t Tier) Deep() bool { return t == TierFull || t == TierSample }
