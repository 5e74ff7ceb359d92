package room

// HistoryScope is the number series of archived lists: they are counted with the list that they are copies of.
const HistoryScope = "history"

// PublicURL is the address under which a public name is found.
func (r *Room) PublicURL(name string) string { return r.Config.Repository.BaseURL + "/" + name }
