package main

import (
	"bytes"
	"encoding/gob"
	"time"
)

// session is what SCS's GobCodec encodes.
type session = struct {
	Deadline time.Time
	Values   map[string]interface{}
}

func decode(data []byte) (time.Time, map[string]interface{}, error) {
	s := &session{}
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(s); err != nil {
		return time.Time{}, nil, err
	}
	return s.Deadline, s.Values, nil
}

func encode(deadline time.Time, values map[string]interface{}) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&session{Deadline: deadline, Values: values}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
