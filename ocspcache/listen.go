package ocspcache

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// inheritedListeners returns the sockets that systemd passes (sd_listen_fds(3)):
// "" is the public one, "metrics" the one of that name.
func inheritedListeners() (map[string]net.Listener, error) {
	const firstFD = 3
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 1 || n > 16 {
		return nil, fmt.Errorf("taking over sockets from systemd: LISTEN_FDS is %q", os.Getenv("LISTEN_FDS"))
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	found := make(map[string]net.Listener)
	for i := range n {
		f := os.NewFile(uintptr(firstFD+i), "systemd-socket-"+strconv.Itoa(i))
		l, err := net.FileListener(f)
		_ = f.Close() // the listener has its own copy
		if err != nil {
			return nil, fmt.Errorf("taking over socket %d from systemd: %w", i, err)
		}
		name := ""
		if i < len(names) && names[i] == "metrics" {
			name = names[i]
		}
		if found[name] != nil {
			return nil, fmt.Errorf("taking over sockets from systemd: more than one named %q", name)
		}
		found[name] = l
	}
	return found, nil
}

// A keyPair is a TLS certificate that is read again when its file changes.
type keyPair struct {
	certFile, keyFile string
	now               func() time.Time

	mu       sync.Mutex
	pair     *tls.Certificate
	modified time.Time
	looked   time.Time
}

func newKeyPair(certFile, keyFile string, now func() time.Time) (*keyPair, error) {
	k := &keyPair{certFile: certFile, keyFile: keyFile, now: now}
	if err := k.load(); err != nil {
		return nil, fmt.Errorf("reading TLS certificate: %w", err)
	}
	return k, nil
}

func (k *keyPair) load() error {
	k.looked = k.now()
	info, err := os.Stat(k.certFile)
	if err != nil {
		return err
	}
	if k.pair != nil && info.ModTime().Equal(k.modified) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		return err
	}
	k.pair, k.modified = &pair, info.ModTime()
	return nil
}

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Sub(k.looked) >= time.Minute {
		// While the new files are being written the old certificate goes on.
		_ = k.load()
	}
	return k.pair, nil
}
