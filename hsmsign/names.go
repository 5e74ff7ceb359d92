package hsmsign

// publicURL is the address under which a public name is found.
func (r *Room) publicURL(name string) string { return r.conf.Repository.BaseURL + "/" + name }
