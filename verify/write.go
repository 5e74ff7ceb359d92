package verify

import (
	_ "embed" // of the schema
)
