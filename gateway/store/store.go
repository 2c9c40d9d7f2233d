// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store counts what the pods of a gateway use together, in a Redis or Valkey: one script reserves all that a
// request needs, and another settles many requests at once.
//
// All keys of a gateway begin with "spark:{<gateway>}:", so that they are in one slot of a cluster and one script may see
// them all. Times are the server's, so that pods' clocks do not matter. The server needs no module, and of an ACL user
// no more than Rules says.
package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// Rules are what an ACL user needs at least; the pattern may be narrowed to "~spark:{<namespace>/<name>}:*" for one gateway.
// ACL users of sentinels need SentinelRules.
const (
	Rules = "~spark:* resetchannels -@all +hello +auth +select +ping +eval +evalsha +time +cluster|slots +cluster|shards +asking" +
		" +get +set +exists +unlink +expire +expireat +hget +hset +hmget +hincrby +hdel +hlen +hexists +hrandfield" +
		" +zadd +zscore +zrem +zrangebyscore +xadd +xlen +xtrim +xrange +role"
	SentinelRules = "allchannels -@all +hello +auth +ping +subscribe +psubscribe +unsubscribe +punsubscribe" +
		" +sentinel|get-master-addr-by-name +sentinel|sentinels +sentinel|replicas +sentinel|slaves"
)

// Options are what a Store is made with.
type Options struct {
	// Gateway is "namespace/name" of the SparkGateway.
	Gateway string
	Config  config.Store
	// Secrets gives a credential by its name in the document; it is asked for each connection, so that a rotated one is used.
	Secrets func(name string) config.Secret
	Logger  *slog.Logger
	// Now is the wall clock; nil is time.Now. It is only used for State and for settlements without a time.
	Now func() time.Time
	// Learned is told what a holder used in all, as answers bring it, from several goroutines; nil is not told.
	// It must not block, and total is its own.
	Learned func(holder string, total *config.HolderUse)
	// Retention is how long records are kept; 0 keeps none. MaxBytes bounds all records of the gateway, roughly: with what
	// surrounds them the server's memory is up to a fifth more; the oldest go first.
	Retention time.Duration
	MaxBytes  int64
}

// Reservation is what a request asks for.
type Reservation struct {
	// ID is unique among all that this Store was asked for, and at most 128 bytes.
	ID          string
	Constraints []exchange.Constraint
	// Holders are all that are counted, constrained or not.
	Holders []string
	// Use is the worst case, Least what is charged should the pod die on the way.
	Use, Least exchange.Use
}

// Settlement is what became of a request.
type Settlement struct {
	// ID, Constraints, Holders and Reserve are those of the Reservation and its Use.
	ID          string
	Constraints []exchange.Constraint
	Holders     []string
	Reserve     exchange.Use
	// Reserved says that Reserve said yes for this ID. Otherwise the request was made without the store.
	Reserved bool
	Used     exchange.Use
	// Sent says that something went on to a provider: only then it counts as used.
	Sent bool
	// At is when the request ended; zero is now.
	At time.Time
	// Record is one line of JSON for the ledger, without its end, at most MaxRecord bytes; nil for none. It is not changed.
	Record []byte
}

// MaxRecord bounds a record.
const MaxRecord = 64 << 10

// Counts is what a Store did since it was opened, for metrics.
type Counts struct {
	// Queued settlements wait for the store.
	Queued int64
	// Merged settlements were summed up by holder because too many waited: nothing is lost but their buckets' level.
	Merged int64
	// RecordsDropped did not fit in the queue, or were larger than MaxRecord.
	RecordsDropped int64
	// Late reservations reached the store after their caller had given up, and took nothing.
	Late int64
	// Downs is how often the store went down.
	Downs int64
}

var _ = context.Background
