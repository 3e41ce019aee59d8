//go:build !embedenvoy

package envoy

// A plain build carries no Envoy; Find looks for one on the disk.
const (
	packed     = ""
	packedHash = ""
)
