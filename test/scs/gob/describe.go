package main

import (
	"encoding"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"
)

func describeAll(values map[string]interface{}) map[string]interface{} {
	all := make(map[string]interface{}, len(values))
	for key, value := range values {
		all[key] = describe(reflect.ValueOf(value))
	}
	return all
}

// describe says of a value what it is, as [type, value]; nil for nil. A number is its digits, a float its bits, bytes and
// strings that are not UTF-8 are hexadecimal, what encodes itself is its bytes, a map its entries in order.
func describe(v reflect.Value) interface{} {
	if !v.IsValid() {
		return nil
	}
	if v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
	}
	if v.Kind() == reflect.Interface {
		return describe(v.Elem())
	}
	name := v.Type().String()
	switch value := v.Interface().(type) {
	case time.Time:
		_, offset := value.Zone()
		return []interface{}{name, value.UTC().Format("2006-01-02T15:04:05.999999999Z"), offset}
	case gob.GobEncoder:
		b, _ := value.GobEncode()
		return []interface{}{name, hex.EncodeToString(b)}
	case encoding.BinaryMarshaler:
		b, _ := value.MarshalBinary()
		return []interface{}{name, hex.EncodeToString(b)}
	}
	return []interface{}{name, describeKind(v)}
}

func describeKind(v reflect.Value) interface{} {
	switch v.Kind() {
	case reflect.Pointer:
		return describe(v.Elem())
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return bits(v.Float())
	case reflect.Complex64, reflect.Complex128:
		return []string{bits(real(v.Complex())), bits(imag(v.Complex()))}
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return map[string]string{"hex": hex.EncodeToString([]byte(v.String()))}
		}
		return v.String()
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			return hex.EncodeToString(v.Bytes())
		}
		all := make([]interface{}, v.Len())
		for i := range all {
			all[i] = describe(v.Index(i))
		}
		return all
	case reflect.Map:
		return describeMap(v)
	case reflect.Struct:
		return describeStruct(v)
	}
	return fmt.Sprint(v)
}

func bits(f float64) string {
	if math.IsNaN(f) {
		return "NaN"
	}
	return strconv.FormatUint(math.Float64bits(f), 16)
}

func describeMap(v reflect.Value) interface{} {
	if v.IsNil() {
		return nil
	}
	entries := make([][]interface{}, 0, v.Len())
	for _, key := range v.MapKeys() {
		entries = append(entries, []interface{}{describe(key), describe(v.MapIndex(key))})
	}
	sort.Slice(entries, func(i, j int) bool { return fmt.Sprint(entries[i][0]) < fmt.Sprint(entries[j][0]) })
	return entries
}

func describeStruct(v reflect.Value) interface{} {
	fields := map[string]interface{}{}
	for i := 0; i < v.NumField(); i++ {
		if field := v.Type().Field(i); field.IsExported() && field.Type.Kind() != reflect.Func {
			fields[field.Name] = describe(v.Field(i))
		}
	}
	return fields
}
