// Decodes sessions as SCS does, says what it has found, and encodes them again. It reads sessions in base64 from standard
// input, one a line, and answers each with a line of JSON. With the argument "vectors" it writes the sessions of
// vectors.go instead.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"log"
	"os"
	"time"
)

// answer is what became of a session. Values describes each value, see describe.go.
type answer struct {
	Error    string                 `json:"error,omitempty"`
	Deadline string                 `json:"deadline,omitempty"`
	Values   map[string]interface{} `json:"values,omitempty"`
	Base64   string                 `json:"base64,omitempty"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "vectors" {
		writeVectors()
		return
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			out.Flush()
			return
		}
		if err := encoder.Encode(answerTo(line[:len(line)-1])); err != nil {
			log.Fatal(err)
		}
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
}

func answerTo(line string) (a answer) {
	// The decoder is not made for hostile bytes.
	defer func() {
		if r := recover(); r != nil {
			a = answer{Error: "panic"}
		}
	}()
	data, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		return answer{Error: err.Error()}
	}
	deadline, values, err := decode(data)
	if err != nil {
		return answer{Error: err.Error()}
	}
	again, err := encode(deadline, values)
	if err != nil {
		return answer{Error: "encode: " + err.Error()}
	}
	return answer{
		Deadline: deadline.Format(time.RFC3339Nano),
		Values:   describeAll(values),
		Base64:   base64.StdEncoding.EncodeToString(again),
	}
}
