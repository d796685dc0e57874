typedef int ec_placeholder;
