package envoy

const dyingTogether = true
