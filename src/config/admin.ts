/** The admin interface and the built-in health route. */
import { leaf, offOr, orNull, section, show } from "./leaf.ts";
import { messages } from "./messages.ts";
import { listenAddress, secret } from "./names.ts";

export const admin = offOr(
  section({
    address: orNull(
      listenAddress({ why: "An address." }),
      "Where the admin interface answers. Left out, it is a Unix socket that only the same user can open, named after the first listener, in `$XDG_RUNTIME_DIR/weir` or `/tmp/weir-<user id>`.",
    ),
    token: orNull(
      secret({ why: "A secret." }),
      "The bearer token that every request must carry. Required when the address is TCP.",
    ),
  }),
  {
    default: {},
    why: "The interface behind `weir status`, `weir reload`, `weir restart` and `weir drain`. `off` for none.",
  },
);

export const health = leaf<string | null>(
  { type: "path or off" },
  { type: "string" },
  {
    default: "/health",
    why: "The path, on every listener and before all routes, that answers 200 while this worker serves and 503 while it drains. `off` for none.",
  },
  (input) => {
    if (input === "off" || input === false) return { value: null };
    if (typeof input === "string" && /^\/[A-Za-z0-9._~/-]*$/.test(input)) return { value: input };
    const values = { found: show(input), reason: "letters, digits, '-', '.', '_', '~' and '/'" };
    return { problem: messages.pathWrong, hint: null, values };
  },
);
