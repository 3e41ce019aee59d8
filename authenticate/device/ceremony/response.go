package ceremony

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
)

// Bounds in bytes of what an answer holds. Certificates are the longest part: a
// TPM sends some 6 kB of them, Android some 5.
const (
	maxResponse    = 96 << 10
	maxClientData  = 4 << 10
	maxAttestation = 48 << 10
	maxAuthData    = 4 << 10
	maxSignature   = 1 << 10
	maxCredential  = 1023 // Web Authentication Level 3, section 4
	maxUserHandle  = 64
	maxChallenge   = 128
)

// A response is what the page posts, decoded and not yet believed. Of the two
// kinds of answer each fills its own fields.
type response struct {
	id                []byte     // 1 to maxCredential bytes
	clientData        []byte     // as signed
	client            clientData // read from it
	attestationObject []byte     // of a registration
	authData          []byte     // of an assertion
	signature         []byte     // of an assertion
	userHandle        []byte     // of an assertion; nil where it is not told
	transports        []string   // of a registration
	attachment        string     // "" where it is not told
	resident          *bool      // nil where it is not told
}

// ChallengeOf returns the challenge that an answer claims to answer, or
// ErrMalformed. Nothing is proved yet: the caller asks Challenges.Check about it.
func ChallengeOf(responseJSON []byte) ([]byte, error) {
	r, err := readResponse(responseJSON)
	if err != nil {
		return nil, err
	}
	return r.client.challenge, nil
}

// CredentialOf returns the id of the credential that an answer claims to come
// from, by which the caller finds the stored one, or ErrMalformed.
func CredentialOf(responseJSON []byte) ([]byte, error) {
	r, err := readResponse(responseJSON)
	if err != nil {
		return nil, err
	}
	return r.id, nil
}

// readResponse reads either kind of answer, as PublicKeyCredential.toJSON writes
// it (Web Authentication Level 3, section 5.1). Keys it does not know are for
// later browsers.
func readResponse(raw []byte) (*response, error) {
	m, err := object(raw, maxResponse)
	if err != nil {
		return nil, err
	}
	r := &response{}
	if err := r.readCredential(m); err != nil {
		return nil, err
	}
	inner, err := members(m["response"])
	if err != nil {
		return nil, fmt.Errorf("response: %w", err)
	}
	for _, field := range []struct {
		key   string
		limit int
		into  *[]byte
	}{
		{"clientDataJSON", maxClientData, &r.clientData},
		{"attestationObject", maxAttestation, &r.attestationObject},
		{"authenticatorData", maxAuthData, &r.authData},
		{"signature", maxSignature, &r.signature},
		{"userHandle", maxUserHandle, &r.userHandle},
	} {
		if *field.into, err = octets(inner, field.key, field.limit); err != nil {
			return nil, err
		}
	}
	if r.transports, err = transports(inner["transports"]); err != nil {
		return nil, err
	}
	if r.resident, err = residence(m["clientExtensionResults"]); err != nil {
		return nil, err
	}
	r.client, err = readClientData(r.clientData)
	return r, err
}

// readCredential reads what stands around the answer proper.
func (r *response) readCredential(m map[string]json.RawMessage) error {
	kind, err := text(m, "type")
	if err != nil || kind != "public-key" {
		return fmt.Errorf("%w: type: want public-key", ErrMalformed)
	}
	if r.id, err = octets(m, "rawId", maxCredential); err != nil || len(r.id) == 0 {
		return fmt.Errorf("%w: rawId: want 1 to %d bytes", ErrMalformed, maxCredential)
	}
	id, err := text(m, "id")
	if err != nil || id != base64.RawURLEncoding.EncodeToString(r.id) {
		return fmt.Errorf("%w: id: is not rawId in base64url", ErrMalformed)
	}
	attachment, err := text(m, "authenticatorAttachment")
	if attachment == "platform" || attachment == "cross-platform" {
		r.attachment = attachment // any other counts as not told (section 5.1)
	}
	return err
}

// transportWord is how the words for transports look, those to come as well.
var transportWord = regexp.MustCompile(`^[a-z][a-z-]{1,23}$`)

func transports(raw json.RawMessage) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	var list, kept []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%w: transports: want a list of words", ErrMalformed)
	}
	for _, word := range list {
		if transportWord.MatchString(word) && len(kept) < 8 {
			kept = append(kept, word)
		}
	}
	return kept, nil
}

// residence reads credProps.rk of the extensions' results (section 10.1.3).
func residence(raw json.RawMessage) (*bool, error) {
	var results struct {
		CredProps struct {
			RK *bool `json:"rk"`
		} `json:"credProps"`
	}
	if raw == nil {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &results); err != nil {
		return nil, fmt.Errorf("%w: clientExtensionResults: want an object", ErrMalformed)
	}
	return results.CredProps.RK, nil
}
