package databroker

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// codec turns a typed value into the data of a record and back. The value
// travels as JSON; each Secret in it is left out there and stands beside it,
// sealed under a key that only clients hold.
type codec struct{ field *seal.Field }

// fieldPurpose names the key of sealed fields. The key of whole records has
// another purpose, so that neither opens what the other closed.
const fieldPurpose = "databroker/fields"

func newCodec(secret []byte) codec {
	return codec{field: seal.NewField(seal.Derive(secret, fieldPurpose))}
}

// envelope is the data of a record that holds a typed value.
type envelope struct {
	Value   json.RawMessage   `json:"v"`
	Secrets map[string][]byte `json:"s,omitempty"` // by path in the value
}

// encode returns the data of the record typ/id that holds value.
func (c codec) encode(typ, id string, value any) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%w: encode %s: %w", ErrInvalid, typ, err)
	}
	e := envelope{Value: plain}
	err = walkSecrets(reflect.ValueOf(value), "", func(path string, v reflect.Value) error {
		s := v.Interface().(Secret)
		if s.IsZero() {
			return nil
		}
		if e.Secrets == nil {
			e.Secrets = make(map[string][]byte)
		}
		e.Secrets[path] = c.field.Seal([]byte(s.text), fieldPlace(typ, id, path))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: encode %s: %w", ErrInvalid, typ, err)
	}
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("%w: encode %s: %w", ErrInvalid, typ, err)
	}
	if len(data) > MaxDataSize {
		return nil, fmt.Errorf("%w: the %s has %d bytes, at most %d are allowed", ErrInvalid, typ, len(data), MaxDataSize)
	}
	return data, nil
}

// decode reads what encode wrote for the record typ/id into value, a pointer.
// Numbers inside an `any` become json.Number. Data that is not of that form,
// or holds a secret that does not open, is ErrTampered: the record around it
// was authentic, so its writer was of another version or another secret, and
// a half-read value must not pass.
func (c codec) decode(typ, id string, data []byte, value any) error {
	var e envelope
	if err := strictJSON(data, &e); err != nil {
		return fmt.Errorf("%w: decode %s: %w", ErrTampered, typ, err)
	}
	if err := strictJSON(e.Value, value); err != nil {
		return fmt.Errorf("%w: decode %s: %w", ErrTampered, typ, err)
	}
	if len(e.Secrets) == 0 {
		return nil
	}
	err := walkSecrets(reflect.ValueOf(value), "", func(path string, v reflect.Value) error {
		sealed, ok := e.Secrets[path]
		if !ok {
			return nil
		}
		plain, err := c.field.Open(sealed, fieldPlace(typ, id, path))
		if err != nil {
			return fmt.Errorf("open field %s: %w", path, err)
		}
		v.Set(reflect.ValueOf(Secret{text: string(plain)}))
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: decode %s: %w", ErrTampered, typ, err)
	}
	return nil
}

// strictJSON refuses a second value behind the first.
func strictJSON(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// fieldPlace is the additional data of a sealed field: where it stands. The
// version is not part of it, because a client does not know the version that
// follows a deletion; the record's own seal binds that.
func fieldPlace(typ, id, path string) []byte {
	var b []byte
	for _, part := range []string{typ, id, path} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}

var secretType = reflect.TypeFor[Secret]()

// errSecretPlace is a programmer's mistake: a decoder could not put the secret
// back where it was.
var errSecretPlace = errors.New("a Secret inside a map or an interface cannot be sealed")

// walkSecrets calls fn for every Secret that v reaches through structs,
// pointers, slices and arrays, with its path in JSON names.
func walkSecrets(v reflect.Value, path string, fn func(path string, v reflect.Value) error) error {
	if v.IsValid() && v.Type() == secretType {
		return fn(path, v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return walkSecrets(v.Elem(), path, fn)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Tag.Get("json") == "-" {
				continue
			}
			if err := walkSecrets(v.Field(i), path+"/"+jsonName(f), fn); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range v.Len() {
			if err := walkSecrets(v.Index(i), path+"/"+strconv.Itoa(i), fn); err != nil {
				return err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if err := walkSecrets(it.Value(), path, refuseSecret); err != nil {
				return err
			}
		}
	case reflect.Interface:
		return walkSecrets(v.Elem(), path, refuseSecret)
	}
	return nil
}

func refuseSecret(string, reflect.Value) error { return errSecretPlace }

func jsonName(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}
