// The peer in Go: SCS with its mysqlstore, and the same routes as the other applications (see ../apps/routes.ts).
package main

import (
	"database/sql"
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

	answer := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		id := sessions.GetInt(r.Context(), "user")
		if strconv.Itoa(id) != r.PathValue("id") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, `{"id":%d,"value":%d}`, id, sessions.GetInt(r.Context(), "value"))
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "pong") })
	mux.HandleFunc("GET /read/{id}", answer)
	mux.HandleFunc("POST /write/{id}/{value}", func(w http.ResponseWriter, r *http.Request) {
		value, _ := strconv.Atoi(r.PathValue("value"))
		sessions.Put(r.Context(), "value", value)
		answer(w, r)
	})
	mux.HandleFunc("POST /login/{id}/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.Atoi(r.PathValue("id"))
		bytes, _ := strconv.Atoi(r.PathValue("bytes"))
		sessions.Put(r.Context(), "user", id)
		sessions.Put(r.Context(), "value", 0)
		sessions.Put(r.Context(), "filler", filler(id, bytes))
		answer(w, r)
	})

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
	log.Fatal(http.Serve(listener, sessions.LoadAndSave(mux)))
}

// filler is what fills a session up to a number of bytes, as in ../apps/routes.ts.
func filler(id, bytes int) string {
	length := bytes - 40
	if length < 0 {
		length = 0
	}
	part := strconv.Itoa(id) + " is a session of the benchmark; "
	return strings.Repeat(part, length/len(part)+1)[:length]
}
