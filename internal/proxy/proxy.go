// Package proxy is the one policy about HTTP proxies: the configuration (proxy), or a flag --proxy, names one, and the
// environment does not. A variable that a shell or a service manager happens to set would change where credentials go,
// what an auditor reads, and what is measured, and nothing on record would show it.
//
// HTTP clients of this module and of the clouds' SDKs look into the environment, so that is where the policy is: both
// commands forget what they find there, and put in what their configuration says. What relying parties would ask –
// verify, probe, observe – goes directly, or through the proxy of their own flag.
package proxy

import (
	"net/url"
	"os"
	"slices"
	"strings"
)

// the last one makes net/http refuse HTTP_PROXY
var names = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"}

// direct are the places that no proxy is asked for: the metadata services of the clouds, which answer the machine
// itself. This machine is asked directly in any case.
var direct = []string{"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "metadata.google.internal"}

// Forget takes the proxies out of the environment. It comes before the first request.
func Forget() {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(names, strings.ToUpper(name)) {
			os.Unsetenv(name)
		}
	}
}

// Through sends the requests of this process through a proxy; an empty address through none. It comes before the first
// request.
func Through(address string) error {
	Forget()
	if address == "" {
		return nil
	}
	if _, err := url.Parse(address); err != nil {
		return err
	}
	for name, value := range map[string]string{"HTTP_PROXY": address, "HTTPS_PROXY": address,
		"NO_PROXY": strings.Join(direct, ",")} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}
