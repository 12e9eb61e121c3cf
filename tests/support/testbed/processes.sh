# Background programs, certificates and kubeconfig files of a test cluster; sourced, with $DIR set.

alive() { # program: does its process run, and is it ours (process ids are used again)?
  [ -f "$DIR/$1.pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$DIR/$1.pid")/cmdline" | grep -qF "$DIR/"
}
start() { # program command...: one background process with its pid and log in $DIR
  local program=$1; shift
  alive "$program" && return
  (cd "$DIR" && exec nohup setsid "$@" >"$DIR/log/$program.log" 2>&1 9>&- </dev/null) & echo $! >"$DIR/$program.pid"
}
stop() { # program: at once; nothing in here is worth a graceful end
  alive "$1" && kill -9 "$(cat "$DIR/$1.pid")" 2>/dev/null || true
  rm -f "$DIR/$1.pid"
}
until_ok() { # tenths-of-a-second program command...: fails at once when the program has died
  local tries=$1 program=$2; shift 2
  for _ in $(seq "$tries"); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1 # also until the shell that starts it has become the program
    alive "$program" || break
  done
  echo "The test bed's $program did not come up ($*); the end of $DIR/log/$program.log:" >&2
  tail -5 "$DIR/log/$program.log" >&2 || true
  return 1
}

authority() { # in the current directory: a certificate authority, and the key of ServiceAccounts' tokens
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -keyout ca.key -out ca.crt -subj /CN=konstruct-testbed 2>/dev/null
  openssl genrsa -out accounts.key 2048 2>/dev/null; openssl rsa -in accounts.key -pubout -out accounts.pub 2>/dev/null
}
certificate() { # name subject extensions
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$1.crt" -extfile <(echo "$3") 2>/dev/null
}
kubeconfig() { # user server: $DIR/<user>.conf, from the certificate of that name in the current directory
  # The context's name tells every test that this cluster may be written to.
  cat >"$DIR/$1.conf" <<Y
{apiVersion: v1, kind: Config, current-context: konstruct-testbed,
 clusters: [{name: konstruct-testbed, cluster: {server: "https://$2", certificate-authority-data: $(base64 -w0 ca.crt)}}],
 users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}],
 contexts: [{name: konstruct-testbed, context: {cluster: konstruct-testbed, user: $1}}]}
Y
}
