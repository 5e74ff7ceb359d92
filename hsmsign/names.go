package hsmsign

// historyScope is the number series of archived lists: they are counted with the list that they are copies of.
const historyScope = "history"

// publicURL is the address under which a public name is found.
func (r *Room) publicURL(name string) string { return r.conf.Repository.BaseURL + "/" + name }
