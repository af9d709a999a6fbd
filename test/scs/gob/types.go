package main

import (
	"database/sql"
	"encoding/gob"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// Profile is a struct as a service puts one into its sessions.
type Profile struct {
	ID     int
	Name   string
	Roles  []string
	Admin  bool
	When   time.Time
	Inner  Address
	Score  float32
	Prefs  map[string]int64
	Extra  interface{}
	Next   *Profile
	Points [2]int8
	Pair   complex64
	hidden int
}

type Address struct {
	City string
	Zip  []byte
}

// UserID, Role and Roles are types with a name of their own.
type UserID int64
type Role string
type Roles []Role

// Tree contains itself.
type Tree struct {
	Value    int
	Children []Tree
}

// Money encodes itself, as a gob.GobEncoder.
type Money struct{ cents int64 }

func (m Money) GobEncode() ([]byte, error) {
	return []byte{0xff, byte(m.cents >> 8), byte(m.cents)}, nil
}

func (m *Money) GobDecode(b []byte) error {
	if len(b) != 3 || b[0] != 0xff {
		return errors.New("no money")
	}
	m.cents = int64(b[1])<<8 | int64(b[2])
	return nil
}

// Wallet has fields that encode themselves.
type Wallet struct {
	Cash  Money
	Home  *url.URL
	Stamp time.Time
}

// Base is embedded. Document has fields of the kinds that Profile has not.
type Base struct {
	Created time.Time
	By      string
}

type Document struct {
	Base
	Owner  *Address
	Tags   map[string][]string
	Grid   [2][3]int
	Blob   Raw
	Hash   [4]byte
	Parts  []interface{}
	Parent *Document
	IP     net.IP
	Took   time.Duration
	Note   sql.NullString
	Code   complex128
	ByDay  map[time.Weekday]bool
	Any    interface{}
	Open   func()
}

// Raw is bytes, Point is a key of a map, Counter has a pointer, which is no other type to gob, Stamp encodes itself by what it
// embeds.
type Raw []byte
type Point struct{ X, Y int }
type Counter struct{ Count **int }
type Stamp struct{ time.Time }
type Flags map[string]bool

func init() {
	gob.RegisterName("document/v1", Document{})
	gob.RegisterName("a name of the service's own", Base{})
	for _, value := range []interface{}{
		map[string]interface{}{}, []interface{}{}, map[string]string{}, time.Time{},
		Profile{}, &Wallet{}, UserID(0), Role(""), Roles{}, Tree{}, Money{}, &big.Int{}, &url.URL{},
		map[int]string{}, map[string]int64{}, map[UserID][]string{}, map[interface{}]int{}, map[string][]interface{}{},
		[3]int{}, [][]string{}, []map[string]int{}, []time.Time{}, []Address{}, [2][]float32{}, map[string]Address{},
		map[string]bool{}, Address{}, []map[string]interface{}{},
		Raw{}, Point{}, Counter{}, Stamp{}, Flags{}, net.IP{}, netip.Addr{}, netip.Prefix{}, time.Duration(0), time.Month(0), &big.Float{}, &big.Rat{}, sql.NullInt64{}, json.RawMessage{},
		map[bool]string{}, map[float64]int{}, map[uint8]string{}, map[[2]int]string{}, map[Point]Address{}, map[Role]int{}, map[string]map[string]int{}, map[int64][]byte{}, map[time.Month][]Role{},
		map[string]int{}, map[string]float64{}, map[string]time.Time{}, map[int]interface{}{}, map[string]*Address{},
		[]Profile{}, []*Address{}, [][]byte{}, [][][]int{}, []map[int]string{}, [4]byte{}, [2][3]int{}, [0]int{}, [1]interface{}{}, [][]interface{}{}, []Point{}, []UserID{}, []time.Duration{}, []*big.Int{},
	} {
		gob.Register(value)
	}
}
