package otlp

import "go.opentelemetry.io/otel/attribute"

// allowed are the attributes of spans, of their events and links, that leave the
// process. What is not here does not, whoever set it: libraries know paths,
// addresses of clients and texts of errors, and the next version of one may know
// more. Values of these are constants of code, patterns of routes, codes, counts,
// and statements, which have no values in them.
var allowed = map[attribute.Key]bool{
	// Requests.
	"http.request.method": true, "http.route": true, "http.response.status_code": true,
	"http.request.body.size": true, "http.response.body.size": true, "error.type": true,
	// Messages.
	"messaging.system": true, "messaging.destination.name": true, "messaging.operation.name": true, "messaging.operation.type": true,
	// PostgreSQL.
	"db.system.name": true, "db.query.text": true, "db.operation.name": true, "db.operation.batch.size": true, "db.collection.name": true,
	"db.response.status_code": true, "pgx.sql_state": true, "pgx.operation.type": true, "pgx.rows_affected": true,
	// Our own.
	"outcome": true, "docuvault.provider": true,
}

func filtered(all []attribute.KeyValue) []attribute.KeyValue {
	kept := make([]attribute.KeyValue, 0, len(all))
	for _, kv := range all {
		if allowed[kv.Key] {
			kept = append(kept, kv)
		}
	}
	return kept
}
