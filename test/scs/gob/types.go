package main

import (
	"encoding/gob"
	"errors"
	"math/big"
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

func init() {
	for _, value := range []interface{}{
		map[string]interface{}{}, []interface{}{}, map[string]string{}, time.Time{},
		Profile{}, &Wallet{}, UserID(0), Role(""), Roles{}, Tree{}, Money{}, &big.Int{}, &url.URL{},
		map[int]string{}, map[string]int64{}, map[UserID][]string{}, map[interface{}]int{}, map[string][]interface{}{},
		[3]int{}, [][]string{}, []map[string]int{}, []time.Time{}, []Address{}, [2][]float32{}, map[string]Address{},
		map[string]bool{}, Address{}, []map[string]interface{}{},
	} {
		gob.Register(value)
	}
}
