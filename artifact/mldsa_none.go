//go:build !go1.27

package artifact

var mldsaAlgorithms []plainAlgorithm
