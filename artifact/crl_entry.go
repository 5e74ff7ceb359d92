package artifact

// reasonExtension is the encoding of Extensions that hold a reason code alone, up to the code itself.
const reasonExtension = "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01"

// commonEntry reads the form that nearly every entry has: lengths of one byte, a UTCTime, and no extension or a reason code
// alone. It returns the length read, or 0 when the entry has another form, well formed or not: the general parser judges it then.
// Lists have millions of entries, and all that can be told of one here is the same that the general parser tells.
func commonEntry(b []byte, e *RevokedEntry) (n int) {
	if len(b) < 2 || b[0] != 0x30 || b[1] >= 0x80 || len(b) < 2+int(b[1]) {
		return 0
	}
	n = 2 + int(b[1])
	b = b[2:n]
	if len(b) < 2 || b[0] != 0x02 || b[1] >= 0x80 || len(b) < 2+int(b[1])+15 {
		return 0
	}
	serial := b[2 : 2+int(b[1])]
	b = b[2+len(serial):]
	if !minimalInteger(serial) || b[0] != 0x17 || b[1] != 13 {
		return 0
	}
	t, ok := parseUTCTime(b[2:15])
	if !ok {
		return 0
	}
	*e = RevokedEntry{Serial: serial, Time: t, Reason: -1}
	switch b = b[15:]; {
	case len(b) == 0:
		return n
	case len(b) == len(reasonExtension)+1 && string(b[:len(reasonExtension)]) == reasonExtension:
		r := b[len(reasonExtension)]
		if r > 10 || r == 7 {
			return 0
		}
		e.Reason = int(r)
		return n
	}
	return 0
}
