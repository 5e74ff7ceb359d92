package inventory

// SkipSync lets a test of thousands of transactions run without waiting for
// the disk each time.
func (d *DB) SkipSync() error {
	_, err := d.write.Exec(`PRAGMA synchronous = OFF`)
	return err
}
