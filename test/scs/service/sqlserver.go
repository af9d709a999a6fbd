package main

import (
	"database/sql"
	"errors"
	"log"
	"time"
)

// sqlServerStore sends the statements of SCS's mssqlstore. It stands in for that module, which not every module proxy has.
type sqlServerStore struct{ db *sql.DB }

func newSQLServerStore(db *sql.DB, cleanupInterval time.Duration) sqlServerStore {
	store := sqlServerStore{db}
	if cleanupInterval > 0 {
		go func() {
			for range time.Tick(cleanupInterval) {
				if _, err := db.Exec("DELETE FROM sessions WHERE expiry < GETUTCDATE()"); err != nil {
					log.Println(err)
				}
			}
		}()
	}
	return store
}

func (s sqlServerStore) Find(token string) (data []byte, found bool, err error) {
	err = s.db.QueryRow("SELECT data FROM sessions WHERE token = @p1 AND GETUTCDATE() < expiry", token).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (s sqlServerStore) Commit(token string, data []byte, expiry time.Time) error {
	_, err := s.db.Exec(`MERGE INTO sessions WITH (HOLDLOCK) AS T USING (VALUES(@p1)) AS S (token) ON (T.token = S.token)
		WHEN MATCHED THEN UPDATE SET data = @p2, expiry = @p3
		WHEN NOT MATCHED THEN INSERT (token, data, expiry) VALUES(@p1, @p2, @p3);`, token, data, expiry.UTC())
	return err
}

func (s sqlServerStore) Delete(token string) error {
	_, err := s.db.Exec("DELETE FROM sessions WHERE token = @p1", token)
	return err
}
