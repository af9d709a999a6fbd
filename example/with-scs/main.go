// The service "accounts": users sign in here. It keeps its sessions with SCS, in the table that the service "shop" uses too.
package main

import (
	"database/sql"
	"encoding/gob"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/v2"
	"github.com/go-sql-driver/mysql"
)

// User is what a session knows of its user. The service in Node.js reads it as an object, and writes it back as a User.
type User struct {
	ID    int64
	Name  string
	Since time.Time
}

var sessions = scs.New()

func main() {
	// SCS encodes with encoding/gob, which asks for every type that is put into a session. The last two are those of the
	// objects and arrays of JavaScript.
	gob.Register(User{})
	gob.Register(map[string]interface{}{})
	gob.Register([]interface{}{})

	db, err := sql.Open("mysql", dataSource(os.Getenv("MYSQL_URL")))
	if err != nil {
		log.Fatal(err)
	}
	sessions.Lifetime = 24 * time.Hour
	sessions.Store = mysqlstore.New(db)

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", login)
	mux.HandleFunc("GET /account", account)
	mux.HandleFunc("POST /logout", logout)
	address := "127.0.0.1:" + env("PORT", "4000")
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("accounts: http://%s", address)
	log.Fatal(http.Serve(listener, sessions.LoadAndSave(mux)))
}

func login(w http.ResponseWriter, r *http.Request) {
	if err := sessions.RenewToken(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	user := User{ID: 1, Name: r.URL.Query().Get("name"), Since: time.Now().UTC()}
	sessions.Put(r.Context(), "customer", user)
	answer(w, map[string]interface{}{"name": user.Name})
}

// account shows what the other service has put into the session: its whole numbers are an int here.
func account(w http.ResponseWriter, r *http.Request) {
	user, _ := sessions.Get(r.Context(), "customer").(User)
	cart, _ := sessions.Get(r.Context(), "articles").(map[string]interface{})
	items := 0
	for _, count := range cart {
		n, _ := count.(int)
		items += n
	}
	answer(w, map[string]interface{}{"name": user.Name, "items": items})
}

func logout(w http.ResponseWriter, r *http.Request) {
	if err := sessions.Destroy(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, map[string]interface{}{"name": ""})
}

func answer(w http.ResponseWriter, value interface{}) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// dataSource makes what Go's driver wants of a URL. SCS writes the expiry as a time of UTC, so the connections are at UTC.
func dataSource(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		log.Fatal("MYSQL_URL must be like mysql://user:password@127.0.0.1:3306/shop")
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.ParseTime = true
	config.Params = map[string]string{"time_zone": "'+00:00'"}
	return config.FormatDSN()
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
