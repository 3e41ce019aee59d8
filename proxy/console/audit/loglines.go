package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"
)

// headMessage is the message of a line of the log that holds a head.
const headMessage = "audit head"

// logHead writes a head where lines travel on: whoever puts the store back to an
// earlier state would have to put them back too.
func logHead(log zerolog.Logger, h Head) {
	// Log has no level, so that no setting of it keeps heads from being told.
	log.Log().Str("level", "info").Uint64("audit_sequence", h.Sequence).Str("audit_hash", h.Hash.String()).
		Int64("audit_time_ms", h.Time.UnixMilli()).
		Str("audit_signature", base64.StdEncoding.EncodeToString(h.Signature)).Msg(headMessage)
}

// A headLine is a line that logHead wrote.
type headLine struct {
	Message   string `json:"message"`
	Sequence  uint64 `json:"audit_sequence"`
	Hash      Hash   `json:"audit_hash"`
	TimeMS    int64  `json:"audit_time_ms"`
	Signature []byte `json:"audit_signature"`
}

// maxLogLine bounds a line of a log, in bytes. Longer ones are passed over.
const maxLogLine = 1 << 20

// A KnownHead is a head that somebody kept, and where it was found.
type KnownHead struct {
	Head
	From string // such as "line 12 of cardea.log"; "" is the command line
}

// ReadLog picks the heads out of a log, whatever else is in it, also where
// something stands in front of each line. name is what findings call it. A head
// that key did not sign is a finding, and not among them.
func ReadLog(r io.Reader, name string, key ed25519.PublicKey) ([]KnownHead, []Finding, error) {
	var heads []KnownHead
	var findings []Finding
	in := bufio.NewReaderSize(r, maxLogLine)
	for number := 1; ; number++ {
		line, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("read %s: %w", name, err)
		}
		if h, ok := headOfLine(line); ok {
			at := fmt.Sprintf("line %d of %s", number, name)
			if h.SignedBy(key) {
				heads = append(heads, KnownHead{h, at})
			} else {
				findings = append(findings, Finding{Sequence: h.Sequence, What: BadSignature,
					Text: fmt.Sprintf("the signature of the head %d in %s does not match the key", h.Sequence, at)})
			}
		}
		if err != nil {
			return heads, findings, nil
		}
	}
}

// readLine returns a line without its end; nil for one that is too long.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return bytes.TrimRight(line, "\r\n"), err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return nil, err
}

func headOfLine(line []byte) (Head, bool) {
	at := bytes.IndexByte(line, '{')
	if at < 0 || !bytes.Contains(line, []byte(headMessage)) {
		return Head{}, false
	}
	var l headLine
	if json.Unmarshal(line[at:], &l) != nil || l.Message != headMessage || l.Sequence == 0 {
		return Head{}, false
	}
	return Head{Sequence: l.Sequence, Hash: l.Hash, Time: time.UnixMilli(l.TimeMS).UTC(), Signature: l.Signature}, true
}
