package envoy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"

	"github.com/rs/zerolog"
)

// logFormat makes Envoy write each of its own log lines as one JSON object:
// level, name of the logger, message with JSON escapes.
const logFormat = `{"l":"%l","n":"%n","m":"%j"}`

const (
	// chunk is how much of the access log is taken in one read, in bytes. It
	// is also what a Linux pipe holds.
	chunk = 64 << 10
	// maxLine bounds one line of either output in bytes.
	maxLine = 1 << 20
)

// copyLines copies src to dst until src ends, in pieces as large as they come,
// each ending at the end of a line: so lines of another writer that shares dst
// fall between ours and never into one. A line longer than maxLine is cut.
func copyLines(dst io.Writer, src io.Reader) error {
	buf := make([]byte, chunk)
	held := 0 // bytes of an unfinished line at the start of buf
	for {
		n, err := src.Read(buf[held:])
		filled := held + n
		// What was held has no newline in it.
		end := held + bytes.LastIndexByte(buf[held:filled], '\n') + 1
		if end > held {
			if _, err := dst.Write(buf[:end]); err != nil {
				return err
			}
			held = copy(buf, buf[end:filled])
		} else {
			held = filled
		}
		if err != nil {
			return finishLines(dst, buf[:held], err)
		}
		if held < len(buf) {
			continue
		}
		if len(buf) >= maxLine {
			if err := finishLines(dst, buf, io.EOF); err != nil {
				return err
			}
			held = 0
			continue
		}
		buf = append(buf, make([]byte, len(buf))...)
	}
}

// finishLines writes what is left without its newline, and turns the end of
// the input into success.
func finishLines(dst io.Writer, rest []byte, err error) error {
	if len(rest) > 0 {
		if _, err := dst.Write(append(bytes.Clone(rest), '\n')); err != nil {
			return err
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// relay turns Envoy's own log, in logFormat, into lines of log until src ends.
// Envoy's level decides what there is; log's own level is not asked, but for
// the inventory, which wants debug. It returns the last line at error level or
// above, for the one who asks why Envoy ended.
func relay(log zerolog.Logger, src io.Reader) (last string) {
	inventory := log.GetLevel() <= zerolog.DebugLevel
	log = log.Level(zerolog.TraceLevel)
	lines := bufio.NewReaderSize(src, chunk)
	for {
		line, err := readLine(lines)
		if len(line) > 0 {
			if complaint := relayLine(log, inventory, line); complaint != "" {
				last = complaint
			}
		}
		if err != nil {
			return last
		}
	}
}

// readLine returns the next line without its end, cut at maxLine.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if room := maxLine - len(line); len(part) > room {
			part = part[:room]
		}
		line = append(line, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		return bytes.TrimRight(line, "\r\n"), err
	}
}

// envoyLine is one line of logFormat.
type envoyLine struct {
	Level   string `json:"l"`
	Name    string `json:"n"`
	Message string `json:"m"`
}

// relayLine logs one line and returns its message if it is an error.
func relayLine(log zerolog.Logger, inventory bool, raw []byte) string {
	var line envoyLine
	if err := json.Unmarshal(raw, &line); err != nil {
		// Written before the format is set, or by a library while crashing.
		text := redact(string(raw))
		log.Warn().Msg(text)
		return text
	}
	level := levelOf(line)
	if demoted := level == zerolog.DebugLevel && line.Level == "info"; demoted && !inventory {
		return ""
	}
	log.WithLevel(level).Str("component", line.Name).Msg(redact(line.Message))
	if level >= zerolog.ErrorLevel {
		return redact(line.Message)
	}
	return ""
}

// levelOf maps Envoy's level to ours. The inventory that Envoy prints at every
// start, over fifty lines of "info", is of use to nobody who did not ask.
func levelOf(line envoyLine) zerolog.Level {
	switch line.Level {
	case "trace":
		return zerolog.TraceLevel
	case "debug":
		return zerolog.DebugLevel
	case "info":
		if line.Name == "main" && isInventory(line.Message) {
			return zerolog.DebugLevel
		}
		return zerolog.InfoLevel
	case "warning":
		return zerolog.WarnLevel
	}
	return zerolog.ErrorLevel // error and critical
}

func isInventory(message string) bool {
	return strings.HasPrefix(message, "  ") ||
		strings.HasPrefix(message, "statically linked extensions") ||
		strings.HasPrefix(message, "HTTP header map info") ||
		strings.HasPrefix(message, "runtime: ")
}

// At the levels debug and trace Envoy prints whole requests, one header a line
// as 'name', 'value'. What signs a person in must not reach a log.
var (
	secretHeader = regexp.MustCompile(`(?i)'((?:set-)?cookie|(?:proxy-)?authorization|x-pomerium-[a-z0-9-]+)', '[^\n]*'`)
	queryString  = regexp.MustCompile(`(?i)'(:path|location|referer|x-envoy-original-path)', '([^'?\n]*)\?[^\n]*'`)
	// Elsewhere in a message: the query of an address, and a signed token.
	anyQuery = regexp.MustCompile(`(/[^\s'?]*)\?[^\s']+`)
	anyToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
)

func redact(message string) string {
	message = anyToken.ReplaceAllString(message, "[redacted]")
	if strings.Contains(message, "?") {
		message = anyQuery.ReplaceAllString(message, "$1?[redacted]")
	}
	if !strings.Contains(message, "', '") {
		return message
	}
	message = secretHeader.ReplaceAllString(message, "'$1', '[redacted]'")
	return queryString.ReplaceAllString(message, "'$1', '$2?[redacted]'")
}

// envoyLevel is our name of a level in Envoy's words; "" is info.
func envoyLevel(level string) string {
	switch level {
	case "trace", "debug", "info", "error":
		return level
	case "warn":
		return "warning"
	case "fatal", "panic":
		return "critical"
	case "disabled":
		return "off"
	}
	return "info"
}
