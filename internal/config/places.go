package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// A place is a file or a folder of this machine that a key of the configuration names.
type place struct {
	key    string
	path   string
	folder bool
}

// places keeps what is published apart from what is not: a target's folder is handed to a web server as it is, so that
// nothing private may lie in it, and what a sync writes must not land in the master or in a log.
func (v *validator) places(c *Config) {
	private := []place{
		{"master.directory", string(c.Master.Directory), true},
		{"publication.directory", string(c.Publication.Directory), true},
		{"publication.head", string(c.Publication.Head), false}, {"publication.key", string(c.Publication.Key), false},
		{"the configuration itself", c.File, false},
	}
	if s := c.Signer; s != nil {
		private = append(private, place{"signer.state", string(s.State), true})
		for i, t := range s.AllTokens() {
			at := "signer"
			if t.Name != "" {
				at = fmt.Sprintf("signer.tokens[%d]", i)
			}
			private = append(private, place{at + ".softhsm_config", string(t.SoftHSMConfig), false},
				place{at + ".pin.file", string(t.PIN.File), false})
		}
		if !strings.Contains(string(s.Inventory), "://") {
			private = append(private, place{"signer.inventory", string(s.Inventory), false})
		}
	}
	for i, t := range c.Targets {
		if t.Azure != nil {
			private = append(private,
				place{fmt.Sprintf("targets[%d].azure.access_file", i), string(t.Azure.AccessFile), false})
		}
	}
	for i, t := range c.Targets {
		if why := apart(string(t.Directory), private); why != "" {
			v.add(fmt.Sprintf("targets[%d].directory", i), "is %q, %s", t.Directory, why)
		}
	}
	log, master := string(c.Publication.Directory), string(c.Master.Directory)
	if log != "" && (lies(log, master) || lies(master, log)) {
		v.add("publication.directory",
			"is %q, and master.directory %q: one lies in the other; give each log a folder of its own", log, master)
	}
}

// apart says what keeps a folder from being published as it is; nothing for most.
func apart(folder string, private []place) string {
	if folder == "" {
		return ""
	}
	for _, p := range private {
		switch {
		case p.path == "":
		case lies(p.path, folder):
			return fmt.Sprintf("in which lies what is not public: %s, %q; name a folder that holds nothing else", p.key,
				p.path)
		case p.folder && lies(folder, p.path):
			return fmt.Sprintf("which lies in %s, %q; name a folder of its own", p.key, p.path)
		}
	}
	return ""
}

// lies reports whether a path is a folder or lies in it.
func lies(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}
