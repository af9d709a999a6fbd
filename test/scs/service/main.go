// A service on SCS, for the live tests: it does with its session what the test asks for. It listens on a free port of
// 127.0.0.1, says which, and ends with its standard input.
package main

import (
	"database/sql"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/v2"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/microsoft/go-mssqldb"
)

// settings come from the environment, in JSON. Times are in milliseconds.
type settings struct {
	Driver          string // mysql or sqlserver
	DSN             string
	HashTokens      bool
	Lifetime        int
	IdleTimeout     int
	CleanupInterval int
	Persist         bool
}

// step is one call of the session: what, with which key and value.
type step struct {
	Do    string
	Key   string
	Value json.RawMessage
}

// Profile is a struct that the service keeps in its sessions.
type Profile struct {
	ID    int
	Name  string
	Roles []string
	Since time.Time
}

func main() {
	var s settings
	if err := json.Unmarshal([]byte(os.Getenv("SERVICE_SETTINGS")), &s); err != nil {
		log.Fatal(err)
	}
	gob.Register(map[string]interface{}{})
	gob.Register([]interface{}{})
	gob.Register(time.Time{})
	gob.Register(Profile{})

	db, err := sql.Open(s.Driver, s.DSN)
	if err != nil {
		log.Fatal(err)
	}
	sessions := scs.New()
	sessions.Lifetime = milliseconds(s.Lifetime)
	sessions.IdleTimeout = milliseconds(s.IdleTimeout)
	sessions.HashTokenInStore = s.HashTokens
	sessions.Cookie.Persist = s.Persist
	if s.Driver == "mysql" {
		sessions.Store = mysqlstore.NewWithCleanupInterval(db, milliseconds(s.CleanupInterval))
	} else {
		sessions.Store = newSQLServerStore(db, milliseconds(s.CleanupInterval))
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, sessions.LoadAndSave(steps{sessions})))
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// steps takes the steps in the body of a request one after another, and answers with what the last one gave.
type steps struct{ *scs.SessionManager }

func (s steps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var all []step
	if err := json.NewDecoder(r.Body).Decode(&all); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var result interface{}
	for _, one := range all {
		value, err := s.take(one, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		result = value
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result)
}

func (s steps) take(one step, r *http.Request) (interface{}, error) {
	ctx := r.Context()
	switch one.Do {
	case "put":
		return nil, s.put(one, r)
	case "get":
		value := s.Get(ctx, one.Key)
		return map[string]interface{}{"type": fmt.Sprintf("%T", value), "value": value}, nil
	case "keys":
		return s.Keys(ctx), nil
	case "remove":
		s.Remove(ctx, one.Key)
		return nil, nil
	case "destroy":
		return nil, s.Destroy(ctx)
	case "renew":
		return nil, s.RenewToken(ctx)
	case "remember":
		s.RememberMe(ctx, true)
		return nil, nil
	case "increment":
		n := s.GetInt(ctx, one.Key) + 1
		s.Put(ctx, one.Key, n)
		return n, nil
	case "deadline":
		return s.Deadline(ctx).UTC(), nil
	}
	return nil, fmt.Errorf("there is no step %s", one.Do)
}

// put takes the type from what a Go programmer would have: a whole number is an int.
func (s steps) put(one step, r *http.Request) error {
	var value interface{}
	if one.Key == "profile" {
		var profile Profile
		if err := json.Unmarshal(one.Value, &profile); err != nil {
			return err
		}
		s.Put(r.Context(), one.Key, profile)
		return nil
	}
	if err := json.Unmarshal(one.Value, &value); err != nil {
		return err
	}
	if number, isNumber := value.(float64); isNumber && number == float64(int(number)) {
		value = int(number)
	}
	s.Put(r.Context(), one.Key, value)
	return nil
}
