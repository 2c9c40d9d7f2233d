// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"github.com/redis/rueidis"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	dialTimeout = time.Second
	// A connection that is silent for this long is closed: a host that vanished says nothing.
	pingEvery, pingTimeout = time.Second, 2 * time.Second
	// ringScale gives room for 2^12 calls that wait on one connection; maxReserving keeps away from its end, where the client
	// would block without regard to any deadline.
	ringScale    = 12
	maxReserving = 1<<ringScale - 256
)

func tlsConfig(t *config.StoreTLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, errors.New("the store's certificate authorities hold no certificate")
		}
	}
	return c, nil
}

// connect makes a client. It waits for the server, at most dialTimeout for each address.
func (s *Store) connect() (rueidis.Client, error) {
	c := &s.opts.Config
	secret := func(name string) string {
		if name == "" {
			return ""
		}
		return s.opts.Secrets(name).Reveal()
	}
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: pingEvery}
	option := rueidis.ClientOption{
		InitAddress: c.Addresses, SelectDB: c.Database, Username: c.Username, Password: secret(c.Password),
		TLSConfig: s.tls, Dialer: dialer, ConnWriteTimeout: pingTimeout, DialCtxFn: s.dial,
		// One connection, on which all that wait are sent together; a call that ends early does not close it.
		PipelineMultiplex: -1, AlwaysPipelining: true, RingScaleEachConn: ringScale,
		ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10,
		// What is tried again, and when, is decided here.
		DisableRetry: true, DisableCache: true, ClientSetInfo: rueidis.DisableClientSetInfo,
	}
	switch c.Mode {
	case config.StoreSentinel:
		option.Sentinel = rueidis.SentinelOption{
			MasterSet: c.MasterName, Username: c.SentinelUsername, Password: secret(c.SentinelPassword),
			TLSConfig: s.tls, Dialer: dialer, TopologyRefreshInterval: 5 * time.Second,
		}
	case config.StoreCluster:
		option.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: 5 * time.Second, MaxMovedRedirections: 5}
	default:
		option.ForceSingleClient = true
	}
	client, err := rueidis.NewClient(option)
	if err != nil && client != nil {
		client.Close()
		client = nil
	}
	return client, err
}

// dial ends with the Store, too.
func (s *Store) dial(ctx context.Context, address string, dialer *net.Dialer, c *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	if c != nil {
		return (&tls.Dialer{NetDialer: dialer, Config: c}).DialContext(ctx, "tcp", address)
	}
	return dialer.DialContext(ctx, "tcp", address)
}
