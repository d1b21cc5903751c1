// The API page: Swagger UI from our own files over our own /openapi.json.
import "./docs.css";

interface SwaggerOptions {
  url: string;
  dom_id: string;
  deepLinking: boolean;
  validatorUrl: null;
  onComplete(): void;
}

declare global {
  interface Window {
    SwaggerUIBundle(options: SwaggerOptions): unknown;
  }
}

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  validatorUrl: null,
  onComplete: () => document.documentElement.setAttribute("data-ready", ""),
});
