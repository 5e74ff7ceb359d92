package durable

// SyncDir implements FS. Windows has no fsync of a directory; NTFS journals
// the names itself, in order.
func (OS) SyncDir(string) error { return nil }
