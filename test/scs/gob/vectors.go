package main

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// vector is a session that is tested where there is no Go, see test/plugin/codecs/gob.
type vector struct {
	Name     string                 `json:"name"`
	Deadline string                 `json:"deadline"`
	Values   map[string]interface{} `json:"values"`
	Base64   string                 `json:"base64"`
}

func writeVectors() {
	address, err := url.Parse("https://ada@example.org/a?b=c")
	if err != nil {
		log.Fatal(err)
	}
	moment := time.Date(2027, 3, 4, 5, 6, 7, 123456789, time.FixedZone("", 5*3600+30*60))
	ancient := time.Date(1890, 1, 1, 0, 0, 0, 0, time.FixedZone("LMT", 53*60+28))
	profile := Profile{
		ID: 7, Name: "Ada", Roles: []string{"admin", ""}, Admin: true, When: moment, Inner: Address{"London", []byte{1}}, Score: 0.1,
		Prefs: map[string]int64{"a": math.MaxInt64}, Extra: []interface{}{UserID(7), uint8(1)}, Next: &Profile{Name: "Bob"},
		Points: [2]int8{-1, 1}, Pair: complex(1, -2),
	}
	seven := 7
	count := &seven
	document := Document{
		Base: Base{moment, "Ada"}, Owner: &Address{"London", nil}, Tags: map[string][]string{"a": {"b", ""}, "none": nil}, Grid: [2][3]int{{1, 0, 0}, {0, 0, 2}}, Blob: Raw{9}, Hash: [4]byte{0, 1},
		Parts: []interface{}{Point{1, 2}, nil, &Address{"Rom", nil}}, Parent: &Document{Took: time.Minute}, IP: net.ParseIP("2001:db8::1"), Note: sql.NullString{String: "x", Valid: true}, Code: complex(0, 1),
		ByDay: map[time.Weekday]bool{time.Monday: true}, Any: map[string]interface{}{"a": []Point{{1, 2}}},
	}
	cases := []struct {
		name   string
		values map[string]interface{}
	}{
		{"every integer", map[string]interface{}{
			"int": int(-1), "int8": int8(-128), "int16": int16(32767), "int32": int32(-1 << 31), "int64": int64(math.MinInt64),
			"uint": uint(1), "uint8": uint8(255), "uint16": uint16(65535), "uint32": uint32(1<<32 - 1), "uint64": uint64(math.MaxUint64), "uintptr": uintptr(9),
			"safe": int64(1<<53 - 1), "unsafe": int64(1 << 53), "negative": int64(-1<<53 + 1), "unsafe negative": int64(-1 << 53), "uint53": uint64(1<<53 - 1), "uint54": uint64(1 << 53),
		}},
		{"every float", map[string]interface{}{
			"float32": float32(0.1), "float64": 0.1, "whole": float64(7), "nan": math.NaN(), "-0": math.Copysign(0, -1), "-inf": math.Inf(-1), "max": math.MaxFloat64,
			"complex64": complex64(complex(0.5, 2)), "complex128": complex(math.Pi, 0),
		}},
		{"every slice", map[string]interface{}{
			"int": []int{1, -1}, "int8": []int8{1}, "int16": []int16{1}, "int32": []int32{1}, "int64": []int64{math.MaxInt64}, "uint": []uint{1},
			"uint16": []uint16{1}, "uint32": []uint32{1}, "uint64": []uint64{math.MaxUint64}, "uintptr": []uintptr{1}, "float32": []float32{0.5}, "float64": []float64{1, 2},
			"complex64": []complex64{1}, "complex128": []complex128{1}, "bool": []bool{true}, "string": []string{"a", "é", "𝄞"}, "empty": []string{}, "bytes": []byte("x"),
		}},
		{"names", map[string]interface{}{"id": UserID(7), "role": Role("admin"), "roles": Roles{"a", "b"}}},
		{"a struct", map[string]interface{}{"user": profile}},
		{"a struct of zeros", map[string]interface{}{"user": Profile{}, "tree": Tree{}}},
		{"a type that contains itself", map[string]interface{}{"tree": Tree{1, []Tree{{2, nil}, {3, []Tree{{4, []Tree{}}}}}}}},
		{"what encodes itself", map[string]interface{}{
			"money": Money{1234}, "big": big.NewInt(0).Lsh(big.NewInt(1), 100), "url": address, "wallet": &Wallet{Money{1}, address, moment}, "poor": &Wallet{},
		}},
		{"times", map[string]interface{}{"zone": moment, "ancient": ancient, "far": time.Unix(1<<40, 0).UTC(), "list": []time.Time{moment, {}}, "whole": time.UnixMilli(1).UTC()}},
		{"maps", map[string]interface{}{
			"int": map[int]string{1: "a", -2: "b"}, "int64": map[string]int64{"a": 1 << 60}, "named": map[UserID][]string{7: {"x"}}, "any": map[interface{}]int{"a": 1, int64(2): 2},
			"empty": map[string]string{}, "__proto__": map[string]string{"__proto__": "x", "": "y"}, "structs": map[string]Address{"a": {"Rom", nil}},
		}},
		{"nested", map[string]interface{}{
			"a": []interface{}{[]interface{}{map[string]interface{}{"x": []int{1}, "y": profile, "z": Tree{}}, nil, Roles{"q"}}, int8(1), map[string][]interface{}{"k": {1.5, nil}}},
			"b": map[string]interface{}{"deep": map[string]interface{}{"deeper": [][]string{{"a"}, {}}, "int": [3]int{1, 2, 3}, "nil": nil}, "nothing": []interface{}{}},
			"c": []map[string]interface{}{{"p": Address{}.City, "q": []Address{{"Oslo", []byte{}}}}}, "d": [2][]float32{{1}, {}},
		}},
		{"strings", map[string]interface{}{"binary": "\xff\xfe", "list": []string{"\x80", "ok"}, "half": "\xed\xa0\x80", "nul": "a\x00b", "bom": "\ufeffx", "replacement": "\ufffd"}},
		{"keys", map[string]interface{}{"": 1, "__proto__": 2, "constructor": "x", "é": true, "a much longer key than others have, by far": 1}},
		{"remembered", map[string]interface{}{"__rememberMe": true, "a": 1}},
		{"keys of every kind", map[string]interface{}{
			"bool": map[bool]string{true: "yes", false: "no"}, "float": map[float64]int{0.5: 1, -2: 2}, "uint8": map[uint8]string{255: "a"}, "array": map[[2]int]string{{1, 2}: "a"},
			"struct": map[Point]Address{{1, 2}: {"Rom", nil}, {0, 0}: {}}, "named": map[Role]int{"admin": 1}, "month": map[time.Month][]Role{time.May: {"a"}}, "int": map[int]interface{}{1: "a", 2: nil},
		}},
		{"maps of every kind", map[string]interface{}{
			"maps": map[string]map[string]int{"a": {"b": 1}, "none": nil}, "bytes": map[int64][]byte{-1: {1, 2}}, "ints": map[string]int{"a": -1, "zero": 0}, "floats": map[string]float64{"a": 0.5},
			"times": map[string]time.Time{"a": moment, "zero": {}}, "pointers": map[string]*Address{"a": {"Oslo", []byte{1}}}, "flags": Flags{"a": true, "b": false}, "empty": map[string]int{},
		}},
		{"lists of every kind", map[string]interface{}{
			"structs": []Profile{profile, {}}, "pointers": []*Address{{"Oslo", nil}}, "bytes": [][]byte{{1}, {}, nil}, "deep": [][][]int{{{1}, {}}, {}}, "maps": []map[int]string{{1: "a"}, nil}, "any": [][]interface{}{{1, nil}, nil},
			"hash": [4]byte{1, 0, 255, 0}, "grid": [2][3]int{{1, 2, 3}, {-4, -5, -6}}, "none": [0]int{}, "one": [1]interface{}{[]int{1}}, "ids": []UserID{1, math.MaxInt64}, "times": []time.Duration{time.Second}, "bigs": []*big.Int{big.NewInt(-7)},
		}},
		{"types of the standard library", map[string]interface{}{
			"raw": Raw{1, 2}, "ip": net.ParseIP("192.0.2.1").To4(), "addr": netip.MustParseAddr("2001:db8::1"), "prefix": netip.MustParsePrefix("192.0.2.0/24"), "took": 90 * time.Second, "month": time.May,
			"float": big.NewFloat(1.5), "rat": big.NewRat(-1, 3), "null": sql.NullInt64{}, "int64": sql.NullInt64{Int64: math.MaxInt64, Valid: true}, "json": json.RawMessage(`{"a":1}`), "stamp": Stamp{moment}, "point": Point{},
		}},
		{"pointers, what is embedded, names of the service's own", map[string]interface{}{"document": document, "poor": Document{}, "base": document.Base, "counter": Counter{&count}}},
		{"a pointer to what is registered as a value", map[string]interface{}{"address": &Address{"Rom", []byte{}}, "list": []interface{}{&Point{1, 0}, Point{0, 2}}}},
		{"nil", map[string]interface{}{"nothing": nil}},
	}
	vectors := []vector{}
	for _, c := range cases {
		deadline := time.Date(2027, 3, 4, 5, 6, 7, 123456789, time.UTC)
		data, err := encode(deadline, c.values)
		if err != nil {
			log.Fatal(c.name, err)
		}
		// What is there to be read: a nil that is part of a list, say, is empty then.
		_, read, err := decode(data)
		if err != nil {
			log.Fatal(c.name, err)
		}
		vectors = append(vectors, vector{c.name, deadline.Format(time.RFC3339Nano), describeAll(read), base64.StdEncoding.EncodeToString(data)})
	}
	text, err := json.MarshalIndent(vectors, "", " ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
}
