// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// redisImage is of a Redis or Valkey, whose arguments are the server's: of the suite's own making unless E2E_REDIS_IMAGE names one.
var redisImage = cmp.Or(os.Getenv("E2E_REDIS_IMAGE"), "sparkgateway/redis:e2e")

// noRedis says why there is no such image; nil where there is.
var noRedis error

// library is a line of what ldd says: a name with a path, or the loader's path alone.
var library = regexp.MustCompile(`(?m)^\t(?:\S+ => )?(/\S+) \(0x`)

// loadRedis packs the redis-server of this machine, and its redis-cli, with the libraries that they need, into an image.
func loadRedis(ctx context.Context, loader []string) error {
	if os.Getenv("E2E_REDIS_IMAGE") != "" {
		return nil
	}
	args := slices.Concat(loader[1:], []string{redisImage, "/redis-server"})
	// A command finds redis-cli where images without a PATH, and those of loaders that set it to the root, look.
	var libraries []string
	for _, program := range []struct{ name, at string }{{"redis-server", "/redis-server"}, {"redis-cli", "/redis-cli"}, {"redis-cli", "/usr/bin/redis-cli"}} {
		path, err := exec.LookPath(program.name)
		if err != nil {
			return fmt.Errorf("there is no %s here to make an image of, and E2E_REDIS_IMAGE names none", program.name)
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
		args = append(args, path+":"+program.at)
		linked, err := exec.CommandContext(ctx, "ldd", path).Output()
		if err != nil {
			return fmt.Errorf("ldd %s: %w", path, err)
		}
		for _, match := range library.FindAllStringSubmatch(string(linked), -1) {
			libraries = append(libraries, match[1]+":"+match[1])
		}
	}
	slices.Sort(libraries)
	args = append(args, slices.Compact(libraries)...)
	if out, err := exec.CommandContext(ctx, loader[0], args...).CombinedOutput(); err != nil {
		return fmt.Errorf("load %s: %w\n%s", redisImage, err, out)
	}
	progress("loaded %s", redisImage)
	return nil
}

// storePassword is what the store asks for.
const storePassword = "e2e-store-password"

// redis is a store that keeps what it knows for as long as its pod lives, killed processes included.
var redis = `
apiVersion: v1
kind: Secret
metadata: {name: redis}
stringData: {password: ` + storePassword + `}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: redis}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: redis}}
  template:
    metadata: {labels: {app: redis}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: redis
        image: ` + redisImage + `
        imagePullPolicy: IfNotPresent
        env:
        - {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
        - {name: REDISCLI_AUTH, valueFrom: {secretKeyRef: {name: redis, key: password}}}
        # A title would be written over the environment, by which the process is found.
        args: [--set-proc-title, "no", --port, "6379", --bind, 0.0.0.0, --protected-mode, "no", --requirepass, ` + storePassword + `,
          --dir, /data, --save, "", --appendonly, "yes", --appendfsync, always]
        readinessProbe: {tcpSocket: {port: 6379}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: redis}
spec:
  selector: {app: redis}
  ports: [{port: 6379}]
`

// stored are the lines of a SparkGateway's spec that name that store.
var stored = strings.TrimPrefix(`
  store:
    type: Redis
    redis:
      addresses: ["redis.NAMESPACE.svc:6379"]
      credentials: {secretRef: {name: redis}}
`, "\n")

// startStore brings that store up, and checks that it is there.
func (s *space) startStore() {
	s.Helper()
	if noRedis != nil {
		s.Fatal(noRedis)
	}
	s.apply(redis)
	s.kubectl("rollout", "status", "deployment/redis", "--timeout=60s")
	out := s.kubectl("logs", "deployment/redis")
	if version := regexp.MustCompile(`(?i)(redis|valkey) version=\S+`).FindString(out); version != "" {
		s.Logf("the store is %s", strings.TrimSuffix(version, ","))
	}
}
