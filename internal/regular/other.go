//go:build !unix

package regular

// Nonblock is of no meaning where no file is a pipe.
const Nonblock = 0
