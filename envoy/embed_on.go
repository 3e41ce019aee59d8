//go:build embedenvoy

package envoy

import _ "embed"

// The compressed executable and its hash, as "make envoy" leaves them. They
// stand under this folder because embedding cannot reach above it.
var (
	//go:embed bin/envoy.zst
	packed string
	//go:embed bin/envoy.zst.sha256
	packedHash string
)
