// Package deploy_test holds what is shipped around the binaries to what they are: packages, images, units, pages.
// Everything in it runs real tools, so that all other files carry the build tag integration.
package deploy_test
