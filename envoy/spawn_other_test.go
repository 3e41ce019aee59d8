//go:build !linux

package envoy

const dyingTogether = false
