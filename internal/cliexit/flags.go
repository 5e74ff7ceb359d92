package cliexit

import (
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// Flags returns the flags that every command takes, followed by its own.
func Flags(own ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "config", Value: "repository.yaml", Usage: "read the configuration from `FILE`"},
		&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		&cli.BoolFlag{Name: "quiet", Usage: "log errors only and show no progress"},
		&cli.StringFlag{Name: "log-format", Value: "auto",
			Usage: "`FORMAT` of the log on stderr: auto, console or json"},
	}, own...)
}

// Logger makes the logger that the flags of c ask for. It writes to stderr: people on a terminal
// get lines, machines get JSON.
func Logger(c *cli.Context) (*zap.Logger, error) {
	level := zapcore.InfoLevel
	if c.Bool("quiet") {
		level = zapcore.ErrorLevel
	}
	asJSON := !term.IsTerminal(int(os.Stderr.Fd()))
	switch c.String("log-format") {
	case "auto":
	case "console":
		asJSON = false
	case "json":
		asJSON = true
	default:
		return nil, UsageError("--log-format is %q, must be auto, console or json", c.String("log-format"))
	}
	return newLogger(stderr, level, asJSON), nil
}

func newLogger(w io.Writer, level zapcore.Level, asJSON bool) *zap.Logger {
	conf := zap.NewProductionEncoderConfig()
	conf.TimeKey, conf.EncodeTime = "time", zapcore.ISO8601TimeEncoder
	encoder := zapcore.NewJSONEncoder(conf)
	if !asJSON {
		conf.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(conf)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level))
}
