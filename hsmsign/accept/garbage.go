package accept

import (
	"runtime/debug"
	"sync"
)

// longList is from how many octets on the garbage of a list counts beside the list itself.
const longList = 4 << 20

// tight says how many acceptances want little garbage. How much the collector lets gather is one setting for the whole
// process, so the first of them changes it and the last one puts it back.
var tight struct {
	sync.Mutex
	users, before int
}

// tighten makes the collector work more often, else it lets as much garbage gather as two long lists have. It ends with
// done.
func tighten() (done func()) {
	tight.Lock()
	defer tight.Unlock()
	if tight.users++; tight.users == 1 {
		tight.before = debug.SetGCPercent(5)
	}
	return sync.OnceFunc(func() {
		tight.Lock()
		defer tight.Unlock()
		if tight.users--; tight.users == 0 {
			debug.SetGCPercent(tight.before)
		}
	})
}
