package authorize

import (
	"errors"
	"unicode/utf8"
)

// Envoy's question (envoy.service.auth.v3.CheckRequest) is read from its bytes:
// a decision needs a dozen of its fields, and making the whole message of them
// costs twice what the decision does. What is read is read as the protocol
// buffers encoding says; message_test.go holds it against the library.

// Field numbers of the messages on the way.
const (
	fieldAttributes = 1 // CheckRequest

	fieldSource     = 1 // AttributeContext
	fieldRequest    = 4
	fieldExtensions = 10
	fieldMetadata   = 11

	fieldAddress     = 1 // AttributeContext.Peer
	fieldCertificate = 5

	fieldSocketAddress = 1 // core.v3.Address, a oneof
	fieldSocketIP      = 2 // core.v3.SocketAddress

	fieldHTTP = 2 // AttributeContext.Request

	fieldID      = 1 // AttributeContext.HttpRequest
	fieldMethod  = 2
	fieldHeaders = 3
	fieldPath    = 4
	fieldHost    = 5

	fieldFilterMetadata = 1 // core.v3.Metadata
	fieldStructFields   = 1 // google.protobuf.Struct
	fieldString         = 3 // google.protobuf.Value, a oneof of the first six

	fieldKey, fieldValue = 1, 2 // an entry of a map
)

// errMessage is returned for bytes that are no message, or one with groups,
// which no message of Envoy's has.
var errMessage = errors.New("authorize: the question is not a message")

// A header is one header of a request; Envoy spells names in lower case.
type header struct{ name, value string }

// headerList holds the headers of a request. There are a few dozen, and looking
// through them is quicker than making a map.
type headerList []header

// get returns the value of a header, "" when it is not there.
func (l headerList) get(name string) string {
	value, _ := l.find(name)
	return value
}

func (l headerList) find(name string) (value string, ok bool) {
	for i := len(l) - 1; i >= 0; i-- { // of two entries of a map the last counts
		if l[i].name == name {
			return l[i].value, true
		}
	}
	return "", false
}

// readMessage fills in what stands in the message as it is. The strings are
// parts of wire.
func (r *request) readMessage(wire string) error {
	r.wire = wire
	return eachField(wire, func(n uint64, v string) error {
		if n != fieldAttributes {
			return nil
		}
		return eachField(v, r.readAttribute)
	})
}

func (r *request) readAttribute(n uint64, v string) error {
	switch n {
	case fieldSource:
		return eachField(v, r.readSource)
	case fieldRequest:
		return eachField(v, func(n uint64, v string) error {
			if n != fieldHTTP {
				return nil
			}
			return eachField(v, r.readHTTP)
		})
	case fieldExtensions:
		return r.readExtension(v)
	case fieldMetadata:
		return eachField(v, func(n uint64, v string) error {
			if n != fieldFilterMetadata {
				return nil
			}
			return r.readMetadata(v)
		})
	}
	return nil
}

func (r *request) readSource(n uint64, v string) error {
	switch n {
	case fieldCertificate:
		return text(&r.leaf, v)
	case fieldAddress:
		return eachField(v, func(n uint64, v string) error {
			if n != fieldSocketAddress {
				return nil // other kinds belong to listeners that we have not
			}
			return eachField(v, func(n uint64, v string) error {
				if n != fieldSocketIP {
					return nil
				}
				return text(&r.sourceIP, v)
			})
		})
	}
	return nil
}

func (r *request) readHTTP(n uint64, v string) error {
	switch n {
	case fieldID:
		return text(&r.checkID, v)
	case fieldMethod:
		return text(&r.method, v)
	case fieldPath:
		return text(&r.target, v)
	case fieldHost:
		return text(&r.host, v)
	case fieldHeaders:
		var h header
		if err := readEntry(v, &h.name, &h.value); err != nil {
			return err
		}
		if !utf8.ValidString(h.value) {
			return errMessage
		}
		if h.name == headerBound {
			return nil // between Envoy's filters; no upstream sees it
		}
		r.headers = append(r.headers, h)
	}
	return nil
}

func (r *request) readExtension(entry string) error {
	var name, value string
	if err := readEntry(entry, &name, &value); err != nil {
		return err
	}
	switch name {
	case extensionRoute:
		return text(&r.routeID, value)
	case extensionPolicy:
		return text(&r.digest, value)
	case extensionInternal:
		r.internal = value == "true"
	case extensionLeash:
		r.held = value == "true"
	}
	return nil
}

// readMetadata reads one namespace of the metadata of filters.
func (r *request) readMetadata(entry string) error {
	var namespace, fields string
	if err := readEntry(entry, &namespace, &fields); err != nil || namespace != chainNamespace {
		return err
	}
	r.chain = ""
	return eachField(fields, func(n uint64, v string) error {
		if n != fieldStructFields {
			return nil
		}
		var name, value string
		if err := readEntry(v, &name, &value); err != nil || name != chainField {
			return err
		}
		r.chain = ""
		return eachField(value, func(n uint64, v string) error {
			if n != fieldString {
				return nil
			}
			return text(&r.chain, v)
		})
	})
}

// readEntry reads an entry of a map whose keys are strings.
func readEntry(entry string, key, value *string) error {
	return eachField(entry, func(n uint64, v string) error {
		switch n {
		case fieldKey:
			return text(key, v)
		case fieldValue:
			*value = v
		}
		return nil
	})
}

// text sets a field that is text, which is UTF-8.
func text(p *string, v string) error {
	if !utf8.ValidString(v) {
		return errMessage
	}
	*p = v
	return nil
}

// The wire types of the encoding.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

const maxFieldNumber = 1<<29 - 1

// eachField calls visit for every field of message that is a string, bytes or a
// message, in their order, and passes over those of other types.
func eachField(message string, visit func(number uint64, value string) error) error {
	for len(message) > 0 {
		tag, n := varint(message)
		number := tag >> 3
		if n == 0 || number == 0 || number > maxFieldNumber {
			return errMessage
		}
		message = message[n:]
		size := uint64(0)
		switch tag & 7 {
		case wireVarint:
			if _, n = varint(message); n == 0 {
				return errMessage
			}
			size = uint64(n)
		case wireFixed64:
			size = 8
		case wireFixed32:
			size = 4
		case wireBytes:
			if size, n = varint(message); n == 0 {
				return errMessage
			}
			message = message[n:]
		default:
			return errMessage
		}
		if size > uint64(len(message)) {
			return errMessage
		}
		if tag&7 == wireBytes {
			if err := visit(number, message[:size]); err != nil {
				return err
			}
		}
		message = message[size:]
	}
	return nil
}

// varint reads a number and returns how many bytes it took: 0 for none.
func varint(s string) (value uint64, n int) {
	for i := 0; i < len(s) && i < 10; i++ {
		value |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			if i == 9 && s[i] > 1 {
				return 0, 0 // more than 64 bits
			}
			return value, i + 1
		}
	}
	return 0, 0
}
