// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"
)

// nobody is the user that nginx runs as when we are root.
const nobody = 65534

// nginxConfig is what a fair comparison needs: one worker, connections to the upstream kept alive, the access log on.
var nginxConfig = template.Must(template.New("nginx.conf").Parse(`daemon off;
worker_processes 1;
pid nginx.pid;
error_log nginx-error.log warn;
events { worker_connections 4096; }
http {
  access_log nginx-access.log combined;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_requests 1000000000;
  upstream provider {
    server {{.Upstream}};
    keepalive {{.KeepAlive}};
    keepalive_requests 1000000000;
  }
  server {
    listen {{.Listen}};
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering {{if .Stream}}off{{else}}on{{end}};
    }
  }
}
`))

type nginxValues struct {
	Listen, Upstream string
	KeepAlive        int
	Stream           bool
}

func startNginx(ctx context.Context, r *rig) (*subject, error) {
	program, err := findNginx(ctx, r)
	if err != nil {
		return nil, err
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	prefix := filepath.Join(r.dir, "nginx")
	if err := os.Mkdir(prefix, 0o755); err != nil {
		return nil, err
	}
	var config strings.Builder
	values := nginxValues{Listen: listen, Upstream: r.address, KeepAlive: 2 * r.Connections, Stream: r.Stream}
	if err := nginxConfig.Execute(&config, values); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(prefix, "nginx.conf"), []byte(config.String()), 0o644); err != nil {
		return nil, err
	}
	user, err := unprivileged(r.dir, prefix)
	if err != nil {
		return nil, err
	}
	spec := processSpec{name: "nginx", dir: r.dir, path: program, user: user,
		args: []string{"-p", prefix + "/", "-c", "nginx.conf", "-e", "nginx-error.log"}}
	p, err := spec.start(ctx)
	if err != nil {
		return nil, err
	}
	return &subject{address: listen, process: p}, nil
}

// unprivileged says whom nginx runs as, and lets that user in: ourselves, or nobody when we are root.
func unprivileged(dir, prefix string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(prefix, nobody, nobody)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: nobody, Gid: nobody}, nil
}

// findNginx looks where distributions put it, and installs it where that can be done without asking anybody.
func findNginx(ctx context.Context, r *rig) (string, error) {
	if program := nginxOnDisk(); program != "" {
		return program, nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return "", errors.New("no nginx in PATH or /usr/sbin, and it cannot be installed here: " +
			"that takes root and apt-get; the others are still measured")
	}
	fmt.Fprintln(r.out, "installing nginx-light, which is not here yet")
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "nginx-light"}} {
		install := exec.CommandContext(ctx, apt, append([]string{"-q"}, args...)...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1") // do not start the service
		if output, err := install.CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w\n%s", args[0], err, output)
		}
	}
	if program := nginxOnDisk(); program != "" {
		return program, nil
	}
	return "", errors.New("installed nginx-light, but no nginx came with it")
}

func nginxOnDisk() string {
	for _, candidate := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if program, err := exec.LookPath(candidate); err == nil {
			return program
		}
	}
	return ""
}
