// The peer in Go: SCS with its mysqlstore, and the same routes as the other applications (see ../apps/routes.ts).
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
	"strconv"
	"strings"
	"time"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/v2"
	"github.com/go-sql-driver/mysql"
)

// settings is what ../apps/settings.ts calls Settings.
type settings struct {
	Database struct {
		Host     string `json:"host"`
		Port     int    `json:"port"`
		User     string `json:"user"`
		Password string `json:"password"`
		Database string `json:"database"`
	} `json:"database"`
	Pool        int  `json:"pool"`
	IdleTimeout int  `json:"idleTimeout"`
	Interpolate bool `json:"interpolate"`
}

func main() {
	var s settings
	if err := json.Unmarshal([]byte(os.Getenv("BENCH_SETTINGS")), &s); err != nil {
		log.Fatal(err)
	}

	config := mysql.NewConfig()
	config.Net = "tcp"
	config.Addr = net.JoinHostPort(s.Database.Host, strconv.Itoa(s.Database.Port))
	config.User = s.Database.User
	config.Passwd = s.Database.Password
	config.DBName = s.Database.Database
	config.ParseTime = true
	config.InterpolateParams = s.Interpolate
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(s.Pool)
	// Without this Go keeps two connections and opens and closes the others with every request.
	db.SetMaxIdleConns(s.Pool)

	sessions := scs.New()
	sessions.Store = mysqlstore.New(db)
	sessions.Lifetime = 24 * time.Hour
	sessions.IdleTimeout = time.Duration(s.IdleTimeout) * time.Millisecond

	gob.Register(profile{})

	// An answer that is not of the session asked for has status 500.
	answer := func(w http.ResponseWriter, r *http.Request, isRight bool, value int) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if !isRight {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, `{"id":%d,"value":%d}`, number(r, "id"), value)
	}
	isOwn := func(r *http.Request) bool { return sessions.GetInt(r.Context(), "user") == number(r, "id") }

	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "pong") })
	mux.HandleFunc("GET /read/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, isOwn(r), sessions.GetInt(r.Context(), "value"))
	})
	mux.HandleFunc("GET /untouched/{id}", func(w http.ResponseWriter, r *http.Request) { answer(w, r, true, 0) })
	mux.HandleFunc("GET /string/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, sessions.GetString(r.Context(), "name") == "user "+r.PathValue("id"), 0)
	})
	mux.HandleFunc("GET /object/{id}", func(w http.ResponseWriter, r *http.Request) {
		p, _ := sessions.Get(r.Context(), "profile").(profile)
		answer(w, r, p.ID == number(r, "id"), 0)
	})
	mux.HandleFunc("GET /counter/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, isOwn(r), sessions.GetInt(r.Context(), "counter"))
	})
	mux.HandleFunc("GET /anonymous", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, !sessions.Exists(r.Context(), "user"), 0)
	})
	mux.HandleFunc("POST /write/{id}/{value}", func(w http.ResponseWriter, r *http.Request) {
		value := number(r, "value")
		sessions.Put(r.Context(), "value", value)
		answer(w, r, isOwn(r), value)
	})
	mux.HandleFunc("POST /counter/{id}", func(w http.ResponseWriter, r *http.Request) {
		next := sessions.GetInt(r.Context(), "counter") + 1
		sessions.Put(r.Context(), "counter", next)
		answer(w, r, true, next)
	})
	mux.HandleFunc("POST /login/{id}/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.RenewToken(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		id := number(r, "id")
		sessions.Put(r.Context(), "user", id)
		sessions.Put(r.Context(), "value", 0)
		sessions.Put(r.Context(), "name", "user "+strconv.Itoa(id))
		sessions.Put(r.Context(), "profile", profileOf(id, number(r, "bytes")))
		answer(w, r, true, 0)
	})

	// A route opts out by staying outside of the middleware.
	outer := http.NewServeMux()
	outer.HandleFunc("GET /opted-out/{id}", func(w http.ResponseWriter, r *http.Request) { answer(w, r, true, 0) })
	outer.Handle("/", sessions.LoadAndSave(mux))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)

	// The benchmark holds the other end of standard input: when it is gone, so is this process.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, outer))
}

// profile is what ../apps/content.ts calls Profile.
type profile struct {
	ID    int
	Roles []string
	Theme string
	Note  string
}

// frame is how much of a session is not the note, in bytes, as in ../apps/content.ts.
const frame = 115

func profileOf(id, bytes int) profile {
	const text = "What a session of the benchmark is filled with. "
	length := max(0, bytes-frame)
	return profile{id, []string{"reader", "writer"}, "dark", strings.Repeat(text, length/len(text)+1)[:length]}
}

// number is a part of the path, or 0 if that is no number.
func number(r *http.Request, name string) int {
	value, _ := strconv.Atoi(r.PathValue(name))
	return value
}
