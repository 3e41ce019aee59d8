package journal

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

// The bound of what waits is true only if nothing is left out.
func TestEverythingThatAnEntryHoldsIsWeighed(t *testing.T) {
	t.Parallel()
	const size = 100_000
	if s := unsafe.Sizeof(Entry{}); s > entrySize {
		t.Errorf("an entry itself has %d bytes, more than %d", s, entrySize)
	}
	long := strings.Repeat("x", size)
	// fill puts size bytes into one place below v at a time, and says where.
	var fill func(v reflect.Value, at string, check func(at string))
	fill = func(v reflect.Value, at string, check func(at string)) {
		switch v.Kind() {
		case reflect.String:
			v.SetString(long)
			check(at)
			v.SetZero()
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				v.SetBytes([]byte(long))
				check(at)
			} else {
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
				fill(v.Index(0), at+"[]", check)
				v.Set(reflect.MakeSlice(v.Type(), size, size))
				check("the list " + at)
			}
			v.SetZero()
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					fill(v.Field(i), at+"."+v.Type().Field(i).Name, check)
				}
			}
		case reflect.Pointer:
			if v.Type() == reflect.TypeFor[*Person]() || v.Type() == reflect.TypeFor[*Later]() {
				return
			}
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), at, check)
			v.SetZero()
		}
	}
	checked := 0
	var e Entry
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "Time" {
			fill(v.Field(i), name, func(at string) {
				if checked++; e.weight() < size {
					t.Errorf("%s: %d bytes are not weighed", at, size)
				}
			})
		}
	}
	if checked < 25 {
		t.Errorf("%d places were looked at", checked)
	}
}
