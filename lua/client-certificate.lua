-- Hands the certificate chain of a client to authorize, which judges it: of
-- ext_authz itself authorize would see the leaf alone, and Envoy's own verdict
-- is not kept when a TLS session is resumed.
--
-- Reads the TLS connection; sets, in the dynamic metadata of the request under
-- "cardea.client_certificate":
--   presented  whether the client showed a certificate
--   chain      the chain as PEM, leaf first, percent-encoded; absent if none

local NAMESPACE = "cardea.client_certificate"

function envoy_on_request(handle)
  local stream = handle:streamInfo()
  local tls = stream:downstreamSslConnection()
  local presented = tls ~= nil and tls:peerCertificatePresented()
  local metadata = stream:dynamicMetadata()
  metadata:set(NAMESPACE, "presented", presented)
  if presented then
    metadata:set(NAMESPACE, "chain", tls:urlEncodedPemEncodedPeerCertificateChain())
  end
end
