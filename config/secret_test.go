package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// canary is what every secret holds in these tests.
const canary = "canary-that-must-not-sing-123456"

// fill puts the canary into every Secret and Key below v, and lists of one
// element where there are lists.
func fill(v reflect.Value) (filled int) {
	switch v.Type() {
	case reflect.TypeFor[Secret]():
		v.SetString(canary)
		return 1
	case reflect.TypeFor[Key]():
		v.SetBytes([]byte(canary))
		return 1
	case reflect.TypeFor[URL](), reflect.TypeFor[SANMatcher]():
		return 0
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem().PkgPath() == reflect.TypeFor[Config]().PkgPath() {
			v.Set(reflect.New(v.Type().Elem()))
			filled = fill(v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled = fill(v.Index(0))
	case reflect.Struct:
		if v.Type().PkgPath() != reflect.TypeFor[Config]().PkgPath() {
			return 0
		}
		for i := range v.NumField() {
			filled += fill(v.Field(i))
		}
	}
	return filled
}

// sung reports in which form s holds the canary.
func sung(s string) string {
	for form, c := range map[string]string{
		"plain":   canary,
		"hex":     hex.EncodeToString([]byte(canary)),
		"HEX":     strings.ToUpper(hex.EncodeToString([]byte(canary))),
		"base64":  base64.StdEncoding.EncodeToString([]byte(canary))[:40],
		"numbers": strings.Trim(fmt.Sprint([]byte(canary)), "[]"),
		"bytes":   strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(canary)), "[]byte{"), "}"),
	} {
		if strings.Contains(s, c) {
			return form
		}
	}
	return ""
}

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	c := &Config{}
	if n := fill(reflect.ValueOf(c).Elem()); n < 10 {
		t.Fatalf("only %d secrets found", n)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SigningKeys[0] = key
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	c.Certificates[0].TLS.PrivateKey = key
	private := new(bytes.Buffer)
	//lint:ignore SA1019 the form in which encoders print it
	fmt.Fprint(private, key.D)

	printed := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%c"} {
		for name, v := range map[string]any{"pointer": c, "value": *c, "settings": c.Settings, "route": *c.Routes[0],
			"secret": c.SharedSecret, "key": c.SharedKey, "certificate": *c.Certificates[0], "user": c.Users} {
			printed[name+" "+verb] = fmt.Sprintf(verb, v)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed["json"] = string(b)
	b, err = json.Marshal(*c)
	if err != nil {
		t.Fatal(err)
	}
	printed["json of the value"] = string(b)
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().Interface("config", c).Interface("settings", c.Settings).Any("route", c.Routes[0]).
		Stringer("secret", c.SharedSecret).Str("error", fmt.Sprint(errors.New(c.SharedSecret.String()))).Send()
	printed["zerolog"] = log.String()

	for _, how := range []string{"pointer %v", "value %+v", "value %#v", "pointer %s", "json", "zerolog"} {
		if !strings.Contains(printed[how], "redacted") || !strings.Contains(printed[how], "outes") && how != "pointer %v" && how != "pointer %s" {
			t.Errorf("%s shows less than the configuration: %.200s", how, printed[how])
		}
	}
	for how, s := range printed {
		if form := sung(s); form != "" {
			t.Errorf("%s shows a secret (%s)", how, form)
		}
		if strings.Contains(s, private.String()) || strings.Contains(s, hex.EncodeToString(scalar)) {
			t.Errorf("%s shows a private key", how)
		}
	}
}

// TestNoErrorHoldsAValue puts the canary where values go and reads the errors.
func TestNoErrorHoldsAValue(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"shared_secret: " + canary,
		"cookie_secret: [" + canary + "]",
		"signing_key: " + canary,
		"certificate_key: " + canary,
		"idp_client_secret: {a: " + canary + "}",
		"databroker_storage_connection_string: postgres://u:" + canary + "@db",
		"users: [{email: a@example.com, password_hash: " + canary + "}]\nidp_provider: local",
		"routes: [{from: 'https://a.localhost', to: 'http://u:" + canary + "@b'}]",
		"routes: [{from: 'https://a.localhost', to: 'http://b', set_request_headers: {Authorization: \"" + canary + "\\n\"}}]",
		"shared_secret: \"" + canary + "\n",
		"shared_secret: !" + canary,
		"shared_secret: " + canary + ": x",
		"metrics_basic_auth: " + canary,
		"pomerium_zero_token: " + canary,
	} {
		_, err := loadText(t, "config.yaml", text)
		if err == nil {
			t.Errorf("%q was taken", text)
			continue
		}
		if form := sung(err.Error()); form != "" {
			t.Errorf("the error shows the value: %v", err)
		}
	}
}
